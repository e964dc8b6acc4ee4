"""What bad input gets, end to end: the right status, the reason in the log, everything else unharmed."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Iterator
from http.client import HTTPConnection, IncompleteRead
from typing import Any

import pytest

from crfs_dav.demo.faults import ALWAYS
from crfs_dav.demo.registry import DemoRegistry
from crfs_dav.oci import OCI_MANIFEST
from crfs_dav.server.http import Server
from crfs_dav.server.listening import listen
from tests.support.archives import dir_, file
from tests.support.images import NOISE, add_layers, base_layer, layer_of
from tests.support.site import Site, site

QUICK: dict[str, Any] = {
    "limits": {"connect_timeout_seconds": 1.0, "read_timeout_seconds": 1.0, "deadline_seconds": 2.5}
}
IMAGE = "/images/{host}/my/ubuntu/18.04"
OTHER = "/images/{host}/my/other/v1/f"


@pytest.fixture
def registry() -> Iterator[DemoRegistry]:
    with DemoRegistry() as registry:
        add_layers(registry, "my/ubuntu", "18.04", base_layer())
        add_layers(registry, "my/other", "v1", layer_of(file("f", b"unharmed")))
        yield registry


@pytest.fixture
def crfs(registry: DemoRegistry) -> Iterator[Site]:
    with site(registry, **QUICK) as crfs:
        yield crfs


def unharmed(crfs: Site, registry: DemoRegistry) -> bool:
    return crfs.get(OTHER.format(host=registry.host)).body == b"unharmed"


@pytest.mark.parametrize(
    ("fault", "where", "status"),
    [
        ("denied", "", 403),
        ("unauthorized", "", 403),
        ("throttled", "", 503),
        ("broken", "", 503),
        ("hung_up", "", 503),
        ("wrong_manifest", "", 502),
        ("flipped_bit", "/blobs/", 502),
        ("stalled_body", "/blobs/", 503),
        ("short_body", "/blobs/", 503),
    ],
)
def test_a_registrys_fault_becomes_its_status_and_a_line_in_the_log(
    crfs: Site, registry: DemoRegistry, caplog: pytest.LogCaptureFixture, fault: str, where: str, status: int
) -> None:
    registry.faults.path_contains = where or "my/ubuntu"
    setattr(registry.faults, fault, ALWAYS)

    reply = crfs.get(f"{IMAGE.format(host=registry.host)}/usr/noise")

    assert reply.status == status
    assert ("retry-after" in reply.headers) == (status == 503)
    assert any("usr/noise" in record.getMessage() for record in caplog.records if record.levelno >= logging.INFO)
    assert b"Traceback" not in reply.body


@pytest.mark.parametrize("fault", ["denied", "broken", "hung_up", "wrong_manifest", "flipped_bit"])
def test_other_images_are_unharmed(crfs: Site, registry: DemoRegistry, fault: str) -> None:
    registry.faults.path_contains = "my/ubuntu"
    setattr(registry.faults, fault, ALWAYS)

    assert crfs.get(f"{IMAGE.format(host=registry.host)}/usr/noise").status >= 400
    assert unharmed(crfs, registry)


@pytest.mark.parametrize("fault", ["short_body", "flipped_bit", "broken", "hung_up"])
def test_a_fault_that_passes_is_not_seen(crfs: Site, registry: DemoRegistry, fault: str) -> None:
    registry.faults.path_contains = "/blobs/"
    setattr(registry.faults, fault, 1)

    assert crfs.get(f"{IMAGE.format(host=registry.host)}/usr/noise").body == NOISE


def test_a_wrong_range_is_never_taken_for_the_right_one(crfs: Site, registry: DemoRegistry) -> None:
    registry.faults.wrong_content_range = ALWAYS

    assert crfs.get(f"{IMAGE.format(host=registry.host)}/etc/os-release").status in (502, 503)


def test_a_dead_registry_is_unavailable_at_once(crfs: Site, registry: DemoRegistry) -> None:
    registry.close()
    started = time.monotonic()

    reply = crfs.get(f"{IMAGE.format(host=registry.host)}/etc/os-release")

    assert (reply.status, "retry-after" in reply.headers) == (503, True)
    assert time.monotonic() - started < 5


def test_what_was_seen_outlives_a_dead_registry(registry: DemoRegistry) -> None:
    with site(registry, tag_ttl_seconds=0) as crfs:
        path = f"{IMAGE.format(host=registry.host)}/etc/os-release"
        assert crfs.get(path).status == 200
        registry.close()

        assert crfs.get(path).status == 200


def test_a_silent_registry_is_unavailable_in_bounded_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, DemoRegistry() as registry:
        host = f"127.0.0.1:{silent.getsockname()[1]}"
        with site(registry, registries={host: {"scheme": "http"}}, **QUICK) as crfs:
            started = time.monotonic()

            assert crfs.get(f"/images/{host}/my/ubuntu/18.04/etc/passwd").status == 503
            assert time.monotonic() - started < 8


def test_throttling_says_when_to_come_back(crfs: Site, registry: DemoRegistry) -> None:
    registry.faults.throttled = ALWAYS
    registry.faults.retry_after = "3600"

    assert crfs.get(f"{IMAGE.format(host=registry.host)}/etc/os-release").headers["retry-after"] == "3600"


@pytest.mark.parametrize(
    "document",
    [b"", b"{}", b"[]", b"\xff", b'{"layers": [], "config": {}}', b'{"schemaVersion": 1, "fsLayers": []}'],
)
def test_a_manifest_that_is_none_is_a_bad_gateway(crfs: Site, registry: DemoRegistry, document: bytes) -> None:
    registry.add_manifest("my/bad", "v1", document, OCI_MANIFEST)

    assert crfs.get(f"/images/{registry.host}/my/bad/v1/f").status == 502
    assert unharmed(crfs, registry)


def test_a_broken_toc_harms_its_layer_only(crfs: Site, registry: DemoRegistry) -> None:
    blob, annotations = layer_of(file("f", b"broken"))
    good = layer_of(dir_("d/"), file("d/g", b"good"))
    add_layers(registry, "my/bad", "v1", (blob[:-60] + bytes(9) + blob[-51:], annotations), good)
    tail = f"{registry.host}/my/bad/v1"

    assert crfs.get(f"/layers/{tail}/1/d/g").body == b"good"
    assert crfs.get(f"/images/{tail}/d/g").body == b"good"
    assert (crfs.status(f"/layers/{tail}/0/f"), crfs.status(f"/images/{tail}/f")) == (502, 502)
    assert b"whole member" in crfs.get(f"/layers/{tail}/0/README.txt").body
    assert "0/" in crfs.names(f"/layers/{tail}/")


def test_a_layer_whose_toc_its_annotation_disowns_is_the_tar_that_it_also_is(
    crfs: Site, registry: DemoRegistry
) -> None:
    blob, _ = layer_of(file("f", b"x"))
    _, other = layer_of(file("f", b"y"))
    add_layers(registry, "my/bad", "v1", (blob, other))

    assert crfs.get(f"/images/{registry.host}/my/bad/v1/f").body == b"x"


def test_a_layer_without_the_footer_that_the_annotation_promises_is_the_tar_that_it_also_is(
    crfs: Site, registry: DemoRegistry
) -> None:
    blob, annotations = layer_of(file("f", b"x"))
    add_layers(registry, "my/bad", "v1", (blob[:-51] + bytes(51), annotations))

    assert crfs.get(f"/images/{registry.host}/my/bad/v1/f").body == b"x"


def test_a_broken_file_harms_no_other(crfs: Site, registry: DemoRegistry) -> None:
    blob, annotations = base_layer()
    middle = len(blob) // 2
    broken = blob[:middle] + bytes([blob[middle] ^ 1]) + blob[middle + 1 :]
    add_layers(registry, "my/bad", "v1", (broken, annotations))

    assert crfs.get(f"/images/{registry.host}/my/bad/v1/usr/noise").status == 502
    assert crfs.get(f"/images/{registry.host}/my/bad/v1/etc/os-release").body == b"NAME=base\n"


def test_a_fault_after_the_first_byte_cuts_the_connection(registry: DemoRegistry) -> None:
    big = NOISE * 3
    blob, annotations = layer_of(file("big", big))
    late = len(blob) - (1 << 20)
    broken = blob[:late] + bytes([blob[late] ^ 1]) + blob[late + 1 :]
    add_layers(registry, "my/bad", "v1", (broken, annotations))

    with site(registry, **QUICK) as crfs:
        server = Server(crfs.wsgi, listen("127.0.0.1", 0), threads=4)
        server.start()
        connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
        try:
            connection.request("GET", f"/images/{registry.host}/my/bad/v1/big")
            response = connection.getresponse()
            assert (response.status, response.getheader("Content-Length")) == (200, str(len(big)))
            with pytest.raises(IncompleteRead):
                response.read()
            connection.close()
            connection.request("GET", OTHER.format(host=registry.host))
            assert connection.getresponse().read() == b"unharmed"
        finally:
            connection.close()
            server.stop()


def test_an_unknown_registry_is_not_found(registry: DemoRegistry) -> None:
    with site(registry, **QUICK) as crfs:
        assert crfs.get("/images/no-such-registry.invalid/my/ubuntu/18.04/f").status == 404
