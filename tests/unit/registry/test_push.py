"""Pushing into the demo registry: each habit and fault a switch, each way to the end request by request."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from crfs_dav.demo.dialect import Dialect
from crfs_dav.demo.faults import ALWAYS, Faults
from crfs_dav.demo.registry import DemoRegistry
from crfs_dav.demo.uploads import Writing
from crfs_dav.errors import AccessDenied, Corrupt, Unavailable
from crfs_dav.names import digest_of, parse_reference, parse_registry
from crfs_dav.oci import OCI_MANIFEST, Descriptor
from crfs_dav.registry import blobupload
from crfs_dav.registry.connect import open_transport
from crfs_dav.registry.credentials.secret import Login
from crfs_dav.registry.deadline import Clock
from crfs_dav.registry.push import RegistryTarget
from crfs_dav.registry.settings import RegistrySettings
from tests.support.http import fetch

MIB = 1 << 20
DATA = bytes(range(256)) * (5 * MIB // 256)
BLOB = Descriptor("", digest_of(DATA), len(DATA))


@dataclass
class Rig:
    """A writable registry and a target in it; `sent` is what was told of the way."""

    registry: DemoRegistry
    target: RegistryTarget
    sleeps: list[float]
    sent: list[int] = field(default_factory=list)

    def put(self, data: bytes = DATA, descriptor: Descriptor = BLOB) -> None:
        self.target.put_blob(descriptor, io.BytesIO(data), self.sent.append)

    @property
    def asked(self) -> list[str]:
        """Requests so far, as method and chunk: `PATCH 0-99`."""
        return [
            " ".join(filter(None, (request.method, request.headers.get("Content-Range"))))
            for request in self.registry.requests
        ]

    def stored(self) -> bytes:
        return fetch(f"{self.registry.url}/v2/new/blobs/{BLOB.digest}").body


def ignored(size: int) -> None:
    """What was sent."""


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    monkeypatch.setattr(blobupload, "_LARGEST_CHUNK", 2 * MIB)
    with DemoRegistry(writing=Writing()) as registry:
        host = parse_registry(registry.host)
        login = Login("user", "secret")
        settings = RegistrySettings(schemes={host: "http"}, credentials=lambda *_: login, backoff_seconds=0)
        sleeps: list[float] = []
        clock = Clock(now=lambda: time.monotonic() + sum(sleeps), sleep=sleeps.append)
        transport = open_transport(settings, clock=clock)
        with RegistryTarget(transport, parse_reference(f"{registry.host}/new:tag")) as target:
            yield Rig(registry, target, sleeps)
        transport.close()


CHUNKS = ["PATCH 0-2097151", "PATCH 2097152-4194303", "PATCH 4194304-5242879"]


def test_a_blob_goes_up_in_chunks(rig: Rig) -> None:
    assert not rig.target.has(BLOB)
    rig.put()

    assert rig.asked == ["HEAD", "POST", *CHUNKS, "PUT"]
    assert rig.stored() == DATA
    assert sorted(set(rig.sent)) == [n * MIB for n in range(6)]
    assert rig.target.has(BLOB)
    assert rig.registry.open_uploads == 0


def test_an_empty_blob_needs_no_chunk(rig: Rig) -> None:
    rig.put(b"", Descriptor("", digest_of(b""), 0))
    assert rig.asked == ["POST", "PUT"]


def test_a_blob_of_another_repository_is_mounted(rig: Rig) -> None:
    rig.registry.add_image("old", "x", [(DATA, {})])
    source = parse_reference(f"{rig.registry.host}/old:x").repository

    assert rig.target.mount(BLOB, source)

    assert [(request.method, request.asked("from")) for request in rig.registry.requests] == [("POST", "old")]
    assert rig.stored() == DATA


def test_a_mount_that_becomes_an_upload_is_one(rig: Rig) -> None:
    source = parse_reference(f"{rig.registry.host}/old:x").repository

    assert not rig.target.mount(BLOB, source)
    rig.put()

    assert rig.asked == ["POST", *CHUNKS, "PUT"]


def test_an_upload_that_a_mount_began_for_nothing_is_cancelled_in_the_end(rig: Rig) -> None:
    with rig.target:
        assert not rig.target.mount(BLOB, parse_reference(f"{rig.registry.host}/old:x").repository)
        assert rig.registry.open_uploads == 1
    assert rig.registry.open_uploads == 0


def test_a_mount_that_is_refused_is_no_error(rig: Rig) -> None:
    rig.registry.faults.denied = 1
    assert not rig.target.mount(BLOB, parse_reference(f"{rig.registry.host}/old:x").repository)


def test_another_registry_is_not_asked_to_mount(rig: Rig) -> None:
    assert not rig.target.mount(BLOB, parse_reference("registry.example/old:x").repository)
    assert rig.asked == []


def test_a_broken_upload_goes_on_from_where_it_got_to(rig: Rig) -> None:
    rig.registry.faults = Faults(cut_upload=1, cut_at=MIB + 7, method="PATCH")

    rig.put()

    rest = ["PATCH 1048583-3145734", "PATCH 3145735-5242879"]
    assert rig.asked == ["POST", "PATCH 0-2097151", "GET", *rest, "PUT"]
    assert rig.stored() == DATA


def test_an_upload_that_was_forgotten_begins_anew(rig: Rig) -> None:
    rig.registry.writing = Writing(keeps_broken_uploads=False)
    rig.registry.faults = Faults(cut_upload=1, cut_at=100, method="PATCH")

    rig.put()

    assert rig.asked == ["POST", CHUNKS[0], "GET", "POST", *CHUNKS, "PUT"]
    assert rig.stored() == DATA


def test_a_chunk_whose_answer_was_lost_is_not_sent_twice(rig: Rig) -> None:
    rig.registry.faults = Faults(lost_answer=1, method="PATCH")

    rig.put()

    assert rig.asked == ["POST", CHUNKS[0], "GET", *CHUNKS[1:], "PUT"]


def test_an_end_whose_answer_was_lost_is_an_end(rig: Rig) -> None:
    rig.registry.faults = Faults(lost_answer=1, method="PUT")

    rig.put()

    assert rig.asked == ["POST", *CHUNKS, "PUT", "PUT", "HEAD"]
    assert rig.registry.open_uploads == 0


def test_progress_that_misleads_costs_one_more_upload(rig: Rig) -> None:
    rig.registry.writing = Writing(tells_progress=False)
    rig.registry.faults = Faults(lost_answer=1, method="PATCH")

    rig.put()

    assert rig.stored() == DATA


@pytest.mark.parametrize(
    "writing",
    [
        Writing(absolute_locations=True),
        Writing(tells_progress=False),
        Writing(largest_chunk=MIB),
        Writing(largest_body=MIB),
        Writing(smallest_chunk=3 * MIB),
    ],
    ids=str,
)
def test_habits_of_registries_are_borne(rig: Rig, writing: Writing) -> None:
    rig.registry.writing = writing
    rig.put()
    assert rig.stored() == DATA


def test_the_smallest_chunk_that_is_asked_for_is_sent(rig: Rig) -> None:
    rig.registry.writing = Writing(smallest_chunk=3 * MIB)
    rig.put()
    assert rig.asked == ["POST", "PATCH 0-3145727", "PATCH 3145728-5242879", "PUT"]


def test_chunks_shrink_where_they_are_too_big(rig: Rig) -> None:
    rig.registry.writing = Writing(largest_chunk=MIB)
    rig.put()
    assert rig.asked[:4] == ["POST", CHUNKS[0], "PATCH 0-1048575", "PATCH 1048576-2097151"]


def test_chunks_shrink_where_connections_break_on_them(rig: Rig) -> None:
    rig.registry.faults = Faults(hung_up=2, method="PATCH")
    rig.put()
    assert rig.asked[:6] == ["POST", CHUNKS[0], "GET", CHUNKS[0], "GET", "PATCH 0-1048575"]


@pytest.mark.parametrize("scheme", ["Basic", "Bearer"])
def test_pushing_wants_credentials_that_allow_it(rig: Rig, scheme: str) -> None:
    rig.registry.dialect = Dialect(schemes=(scheme,))

    assert not rig.target.has(BLOB)
    rig.put()

    uploads = [request for request in rig.registry.requests if request.method in ("POST", "PATCH", "PUT")]
    assert all(request.headers["Authorization"].startswith(scheme) for request in uploads)


def test_a_token_that_expires_on_the_way_is_renewed(rig: Rig) -> None:
    rig.registry.dialect = Dialect(schemes=("Bearer",))

    def expire(sent: int) -> None:
        if sent == 3 * MIB and not rig.sent:
            rig.registry.expire_tokens()
            rig.sent.append(sent)

    rig.target.put_blob(BLOB, io.BytesIO(DATA), expire)

    assert [request.method for request in rig.registry.requests].count("PATCH") == 4


@pytest.mark.parametrize(
    ("faults", "error", "text"),
    [
        (Faults(denied=ALWAYS, method="POST"), AccessDenied, "403 DENIED"),
        (Faults(unauthorized=ALWAYS, method="PATCH"), AccessDenied, "401 UNAUTHORIZED"),
        (Faults(broken=ALWAYS, broken_status=413, method="PATCH"), Unavailable, "413"),
        (Faults(throttled=ALWAYS, retry_after="61", method="PATCH"), Unavailable, "429 TOOMANYREQUESTS"),
        (Faults(broken=ALWAYS, broken_status=500, method="PATCH"), Unavailable, "500"),
        (Faults(broken=ALWAYS, broken_status=507, method="PATCH"), Unavailable, "507"),
        (Faults(hung_up=ALWAYS, method="PATCH"), Unavailable, "expected an answer"),
        (Faults(refused_digest=ALWAYS, method="PUT"), Corrupt, "DIGEST_INVALID"),
    ],
    ids=lambda value: "",
)
def test_a_refusal_names_the_blob_and_leaves_no_upload(
    rig: Rig, faults: Faults, error: type[Exception], text: str
) -> None:
    rig.registry.faults = faults

    with pytest.raises(error) as caught:
        rig.put()

    assert str(caught.value).startswith(f"blob {BLOB.digest} to {rig.target.name}: ")
    assert text in str(caught.value)
    assert rig.registry.open_uploads == 0
    assert rig.asked[-1] in ("DELETE", "POST")


def test_trouble_that_passes_is_waited_for(rig: Rig) -> None:
    rig.registry.faults = Faults(throttled=2, retry_after="3", method="PATCH")
    rig.put()
    assert sum(rig.sleeps) == 6


def test_content_with_another_digest_is_not_sent_twice(rig: Rig) -> None:
    with pytest.raises(Corrupt, match="content with another digest"):
        rig.put(DATA[:-1] + b"x")
    assert rig.asked == ["POST", *CHUNKS, "PUT", "DELETE"]


def test_content_that_is_too_short_is_corrupt(rig: Rig) -> None:
    with pytest.raises(Corrupt, match="ends after 100 bytes"):
        rig.put(DATA[:100])
    assert rig.registry.open_uploads == 0


class Enough(Exception):
    pass


def test_who_has_had_enough_ends_the_upload(rig: Rig) -> None:
    def stop(sent: int) -> None:
        if sent > 2 * MIB:
            raise Enough

    with pytest.raises(Enough):
        rig.target.put_blob(BLOB, io.BytesIO(DATA), stop)

    assert rig.asked[-1] == "DELETE"
    assert rig.registry.open_uploads == 0


def test_who_has_had_enough_need_not_wait(rig: Rig) -> None:
    rig.registry.faults = Faults(throttled=ALWAYS, retry_after="60", method="PATCH")

    def stop(sent: int) -> None:
        if rig.sleeps:
            raise Enough

    with pytest.raises(Enough):
        rig.target.put_blob(BLOB, io.BytesIO(DATA), stop)


def test_an_upload_elsewhere_gets_no_credentials(rig: Rig) -> None:
    rig.registry.dialect = Dialect(schemes=("Basic",))
    with DemoRegistry(writing=Writing()) as other:
        upload = fetch(f"{other.url}/v2/new/blobs/uploads/", method="POST").headers["Location"]
        other.clear_requests()
        target = blobupload.BlobUpload(
            rig.target._transport, rig.target._repository, BLOB, location=f"{other.url}{upload}"
        )
        target.run(io.BytesIO(DATA), rig.sent.append)
        assert all("Authorization" not in request.headers for request in other.requests)


DOCUMENT = b'{"manifests": []}'
MANIFEST = Descriptor(OCI_MANIFEST, digest_of(DOCUMENT), len(DOCUMENT))


def test_a_manifest_goes_by_its_digest_and_the_root_by_its_tag(rig: Rig) -> None:
    rig.target.put_manifest(MANIFEST, DOCUMENT, ignored)
    rig.target.put_root(MANIFEST, DOCUMENT, ignored)

    assert [request.path for request in rig.registry.requests] == [
        f"/v2/new/manifests/{MANIFEST.digest}",
        "/v2/new/manifests/tag",
    ]
    found = fetch(f"{rig.registry.url}/v2/new/manifests/tag", {"Accept": OCI_MANIFEST})
    assert (found.body, found.headers["Content-Type"]) == (DOCUMENT, OCI_MANIFEST)


def test_a_manifest_without_its_blobs_is_refused(rig: Rig) -> None:
    document = b'{"config": {"digest": "%s"}, "layers": []}' % str(BLOB.digest).encode()
    with pytest.raises(Unavailable, match="400 MANIFEST_BLOB_UNKNOWN"):
        rig.target.put_root(Descriptor(OCI_MANIFEST, digest_of(document), len(document)), document, ignored)


def test_no_tag_is_set_by_a_try_after_somebody_had_enough(rig: Rig) -> None:
    rig.registry.faults = Faults(broken=1, method="PUT")
    tries: list[int] = []

    def stop(size: int) -> None:
        tries.append(size)
        if len(tries) == 2:
            raise Enough

    with pytest.raises(Enough):
        rig.target.put_root(MANIFEST, DOCUMENT, stop)

    assert tries == [0, 0]
    assert fetch(f"{rig.registry.url}/v2/new/manifests/tag", {"Accept": OCI_MANIFEST}).status == 404
