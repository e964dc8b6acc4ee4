from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from crfs_dav.demo.exchange import Answer, Request, part
from crfs_dav.demo.registry import DemoRegistry
from crfs_dav.errors import AccessDenied, Corrupt, CrfsError, NotFound, Unavailable
from crfs_dav.names import digest_of, parse_registry, parse_repository
from crfs_dav.oci import Descriptor
from crfs_dav.readers import ReaderAt
from crfs_dav.registry.client import RegistryClient
from tests.support.scripted import Script, Scripted, in_turn, lines
from tests.unit.registry.conftest import OpenClient

Serve = Callable[[Script], Scripted]

DATA = bytes(range(256)) * 1200  # 300 KiB: several reads of a connection
SIZE = len(DATA)
DIGEST = digest_of(DATA)
PATH = f"/v2/a/blobs/{DIGEST}"


def _blob(client: RegistryClient, host: str) -> ReaderAt:
    return client.blob(parse_repository(parse_registry(host), "a"), Descriptor("", DIGEST, SIZE))


def _ranged(request: Request) -> Answer:
    assert request.range is not None
    return part(DATA, {}, request.range)


def _cut(request: Request, cut_at: int) -> Answer:
    whole = _ranged(request)
    return Answer(206, whole.headers, whole.body, cut_at=cut_at)


@pytest.fixture
def stored(registry: DemoRegistry) -> DemoRegistry:
    """A registry that holds the blob."""
    registry.add_image("a", "v1", [])
    registry.add_blob(DATA)
    return registry


def test_a_read_is_one_request(stored: DemoRegistry, client_of: OpenClient) -> None:
    blob = _blob(client_of(stored.host), stored.host)

    assert blob.read_at(1000, 70_000) == DATA[1000:71_000]
    assert lines(stored.requests) == [f"GET {PATH} bytes=1000-70999"]


@pytest.mark.parametrize("offset", [0, 1, SIZE - 1])
def test_reads_over_the_end_are_cut_before_they_are_asked(
    offset: int, stored: DemoRegistry, client_of: OpenClient
) -> None:
    blob = _blob(client_of(stored.host), stored.host)

    assert blob.read_at(offset, SIZE * 2) == DATA[offset:]
    assert lines(stored.requests) == [f"GET {PATH} bytes={offset}-{SIZE - 1}"]


@pytest.mark.parametrize(("offset", "size"), [(0, 0), (5, 0), (SIZE, 1), (SIZE + 5, 10), (5, -1)])
def test_reads_of_nothing_ask_nobody(offset: int, size: int, stored: DemoRegistry, client_of: OpenClient) -> None:
    blob = _blob(client_of(stored.host), stored.host)

    assert blob.read_at(offset, size) == b""
    assert (blob.size, stored.requests) == (SIZE, [])


def test_negative_offset_is_a_mistake(stored: DemoRegistry, client_of: OpenClient) -> None:
    with pytest.raises(ValueError, match="offset: -1; expected 0 or more"):
        _blob(client_of(stored.host), stored.host).read_at(-1, 5)


def test_threads_read_at_once(stored: DemoRegistry, client_of: OpenClient) -> None:
    blob = _blob(client_of(stored.host), stored.host)
    offsets = range(0, SIZE, 7919)

    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(lambda offset: blob.read_at(offset, 5000), offsets))

    assert read == [DATA[offset : offset + 5000] for offset in offsets]


def test_unknown_blob_is_not_found(registry: DemoRegistry, client_of: OpenClient) -> None:
    registry.add_image("a", "v1", [])

    with pytest.raises(NotFound, match="404 BLOB_UNKNOWN"):
        _blob(client_of(registry.host), registry.host).read_at(0, 5)


class Redirecting:
    """A registry that sends readers to signed URLs at a storage, which takes the newest signature only."""

    def __init__(self, refusal: int = 403) -> None:
        self.signature = 0
        self.refusal = refusal
        self.storage_url = ""

    def registry(self, request: Request) -> Answer:
        self.signature += 1
        return Answer(307, {"Location": f"{self.storage_url}/store?Signature={self.signature}"})

    def storage(self, request: Request) -> Answer:
        if request.asked("Signature") != str(self.signature):
            return Answer(self.refusal, {}, b"<Error><Code>ExpiredToken</Code></Error>")
        return _ranged(request)


def _redirecting(scripted: Serve, refusal: int = 403) -> tuple[Redirecting, Scripted, Scripted]:
    parts = Redirecting(refusal)
    storage = scripted(parts.storage)
    parts.storage_url = storage.url
    return parts, scripted(parts.registry), storage


def test_signed_url_is_asked_for_once_and_remembered(scripted: Serve, client_of: OpenClient) -> None:
    _, server, storage = _redirecting(scripted)
    blob = _blob(client_of(server.host), server.host)

    assert [blob.read_at(offset, 10) for offset in (0, 50, 99)] == [DATA[0:10], DATA[50:60], DATA[99:109]]

    assert lines(server.requests) == [f"GET {PATH} bytes=0-9"]
    assert lines(storage.requests) == [f"GET /store bytes={r}" for r in ("0-9", "50-59", "99-108")]


@pytest.mark.parametrize("refusal", [400, 401, 403, 404, 410])
def test_expired_url_is_renewed_once(refusal: int, scripted: Serve, client_of: OpenClient) -> None:
    parts, server, storage = _redirecting(scripted, refusal)
    blob = _blob(client_of(server.host), server.host)
    blob.read_at(0, 10)
    parts.signature += 1  # what was handed out is no longer good

    assert blob.read_at(20, 10) == DATA[20:30]
    assert blob.read_at(30, 10) == DATA[30:40]

    assert lines(server.requests) == [f"GET {PATH} bytes=0-9", f"GET {PATH} bytes=20-29"]
    assert [request.asked("Signature") for request in storage.requests] == ["1", "1", "3", "3"]


def test_fresh_url_that_is_refused_is_no_loop(scripted: Serve, client_of: OpenClient) -> None:
    storage = scripted(in_turn(Answer(403)))
    server = scripted(in_turn(Answer(307, {"Location": storage.url})))
    blob = _blob(client_of(server.host), server.host)

    with pytest.raises(AccessDenied):
        blob.read_at(0, 10)
    assert (len(server.requests), len(storage.requests)) == (1, 1)


def test_storage_that_is_gone_is_asked_for_again_by_the_next_read(scripted: Serve, client_of: OpenClient) -> None:
    parts, server, storage = _redirecting(scripted)
    client = client_of(server.host)
    blob = _blob(client, server.host)
    blob.read_at(0, 10)
    storage.__exit__()
    with pytest.raises(Unavailable):
        blob.read_at(0, 10)

    parts.storage_url = scripted(parts.storage).url

    assert blob.read_at(0, 10) == DATA[:10]


@pytest.mark.parametrize(("offset", "size"), [(0, 10), (1000, 70_000), (SIZE - 5, 5), (0, SIZE)])
def test_whole_blob_instead_of_a_range_is_skipped_through(
    offset: int, size: int, scripted: Serve, client_of: OpenClient
) -> None:
    server = scripted(in_turn(Answer(200, {}, DATA)))

    assert _blob(client_of(server.host), server.host).read_at(offset, size) == DATA[offset : offset + size]
    assert len(server.requests) == 1


def test_whole_blob_of_another_size_is_corrupt(scripted: Serve, client_of: OpenClient) -> None:
    server = scripted(in_turn(Answer(200, {}, DATA + b"x")))

    with pytest.raises(Corrupt, match=f"{SIZE + 1} bytes; expected {SIZE}"):
        _blob(client_of(server.host), server.host).read_at(0, 10)


def test_skipping_ends_with_the_deadline(scripted: Serve, client_of: OpenClient) -> None:
    server = scripted(in_turn(Answer(200, {}, DATA, cut_at=100, silent=True)))

    with pytest.raises(Unavailable):
        _blob(client_of(server.host, deadline_seconds=0.3), server.host).read_at(200, 10)


def test_body_that_breaks_off_is_continued_where_it_broke(scripted: Serve, client_of: OpenClient) -> None:
    cuts = [100_000, 50_000, 10**9]
    server = scripted(lambda request: _cut(request, cuts.pop(0)))

    assert _blob(client_of(server.host), server.host).read_at(1000, 250_000) == DATA[1000:251_000]
    starts = (1000, 101_000, 151_000)
    assert lines(server.requests) == [f"GET {PATH} bytes={start}-250999" for start in starts]


def test_whole_blob_that_breaks_off_is_skipped_through_again(scripted: Serve, client_of: OpenClient) -> None:
    server = scripted(in_turn(Answer(200, {}, DATA, cut_at=150_000), Answer(200, {}, DATA)))

    assert _blob(client_of(server.host), server.host).read_at(100_000, 100_000) == DATA[100_000:200_000]


def test_body_that_always_breaks_off_is_unavailable_never_short(scripted: Serve, client_of: OpenClient) -> None:
    server = scripted(lambda request: _cut(request, 10))

    with pytest.raises(Unavailable, match="broke off 4 times, 40 bytes; expected 1000"):
        _blob(client_of(server.host), server.host).read_at(0, 1000)
    assert len(server.requests) == 4


def test_smaller_range_than_asked_is_continued(scripted: Serve, client_of: OpenClient) -> None:
    def script(request: Request) -> Answer:
        assert request.range is not None
        start, end = request.range
        return part(DATA, {}, (start, min(end or SIZE, start + 600)))

    server = scripted(script)

    assert _blob(client_of(server.host), server.host).read_at(0, 1000) == DATA[:1000]
    assert lines(server.requests) == [f"GET {PATH} bytes=0-999", f"GET {PATH} bytes=600-999"]


@pytest.mark.parametrize(
    "content_range",
    [
        "bytes 1-10/307200",
        "bytes 0-10/307200",
        "bytes 0-9/307201",
        "bytes 5-0/307200",
        "bytes */307200",
        "items 0-9/307200",
        "bytes 0-9",
        "",
        "x" * 1000,
    ],
)
def test_range_that_was_not_asked_for_is_corrupt(content_range: str, scripted: Serve, client_of: OpenClient) -> None:
    server = scripted(in_turn(Answer(206, {"Content-Range": content_range}, DATA[:10])))

    with pytest.raises(Corrupt, match=r"expected bytes 0-9/307200"):
        _blob(client_of(server.host), server.host).read_at(0, 10)


@pytest.mark.parametrize("content_range", ["bytes 0-9/*", "bytes 0-9/307200", "Bytes 0-9/307200 "])
def test_right_range_in_other_spellings_is_taken(content_range: str, scripted: Serve, client_of: OpenClient) -> None:
    server = scripted(in_turn(Answer(206, {"Content-Range": content_range}, DATA[:10])))

    assert _blob(client_of(server.host), server.host).read_at(0, 10) == DATA[:10]


def test_body_longer_than_its_range_is_corrupt(scripted: Serve, client_of: OpenClient) -> None:
    server = scripted(in_turn(Answer(206, {"Content-Range": "bytes 0-9/307200"}, DATA[:11])))

    with pytest.raises(Corrupt, match="body of more bytes than its range; expected 10"):
        _blob(client_of(server.host), server.host).read_at(0, 10)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(401), AccessDenied),
        (Answer(403), AccessDenied),
        (Answer(404), NotFound),
        (Answer(416, {"Content-Range": "bytes */5"}), Corrupt),
        (Answer(429, {"Retry-After": "60"}), Unavailable),
        (Answer(500), Unavailable),
        (Answer(204), Unavailable),
    ],
)
def test_registry_that_gives_no_bytes(
    answer: Answer, error: type[CrfsError], scripted: Serve, client_of: OpenClient
) -> None:
    server = scripted(in_turn(answer))

    with pytest.raises(error):
        _blob(client_of(server.host), server.host).read_at(0, 10)
