"""eStargz whose TOC lies in another image of the repository, `<tag>-esgztoc`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crfs_dav.demo.registry import DemoRegistry
from crfs_dav.names import Digest, digest_of
from crfs_dav.oci import OCI_CONFIG, OCI_LAYER_GZIP, OCI_MANIFEST, TOC_DIGEST_ANNOTATION
from tests.support.images import NOISE, add_layers
from tests.support.site import asked, site
from tests.support.stargz import Crafter, go_json, member, sha256, tar_header, toc_tar

FOOTER = (
    bytes.fromhex("1f8b08040000000000ff1500534711 00") + b"STARGZEXTERNALTOC" + bytes.fromhex("010000ffff") + bytes(8)
)
CRAFTER = Crafter().file("etc/passwd", b"root").file("noise", NOISE).file("etc/last", b"last")
BLOB = (
    bytes(CRAFTER.build()[: CRAFTER.entries[-1]["offset"]]) + member(b"last".ljust(512, b"\0") + bytes(1024)) + FOOTER
)
DOCUMENT = go_json(CRAFTER.entries)
TOC = member(toc_tar(DOCUMENT))
LAYER = digest_of(BLOB)


@pytest.fixture
def registry() -> Iterator[DemoRegistry]:
    with DemoRegistry() as registry:
        yield registry


def add_image(registry: DemoRegistry, *, toc_digest: str | None = sha256(DOCUMENT)) -> str:
    notes = {} if toc_digest is None else {TOC_DIGEST_ANNOTATION: toc_digest}
    add_layers(registry, "my/image", "v1", (BLOB, notes))
    return f"/images/{registry.host}/my/image/v1"


def add_tocs(registry: DemoRegistry, *, toc: bytes = TOC, layer: Digest = LAYER, tag: str = "v1-esgztoc") -> None:
    def described(data: bytes, media_type: str) -> dict[str, Any]:
        return {"mediaType": media_type, "digest": str(registry.add_blob(data)), "size": len(data)}

    annotations = {"containerd.io/snapshot/stargz/layer.digest": str(layer)}
    layers = [described(TOC[:-9], OCI_LAYER_GZIP), described(toc, OCI_LAYER_GZIP) | {"annotations": annotations}]
    manifest = {"schemaVersion": 2, "config": described(b"{}", OCI_CONFIG), "layers": layers}
    registry.add_manifest("my/image", tag, manifest, OCI_MANIFEST)


def test_the_footer_is_as_long_as_it_says() -> None:
    assert len(FOOTER) == 46
    assert tar_header(b"x")[257:262] == b"ustar"


def test_files_are_found_by_the_toc_of_the_other_image(registry: DemoRegistry) -> None:
    root = add_image(registry)
    add_tocs(registry)
    with site(registry) as crfs:
        assert crfs.get(f"{root}/etc/passwd").body == b"root"
        assert crfs.get(f"{root}/etc/last").body == b"last"
        assert crfs.get(f"{root}/noise", range="bytes=5-9").body == NOISE[5:10]


def test_what_the_toc_says_is_kept_and_not_asked_for_again(registry: DemoRegistry, tmp_path: Path) -> None:
    root = add_image(registry)
    add_tocs(registry)
    for _ in range(2):
        registry.clear_requests()
        with site(registry, tmp_path) as crfs:
            assert sorted(crfs.names(f"{root}/")) == ["etc/", "noise"]

    assert not any("tags" in request or "esgztoc" in request for request in asked(registry))


def test_the_toc_image_of_another_tag_will_do(registry: DemoRegistry) -> None:
    root = add_image(registry)
    add_tocs(registry, layer=digest_of(b"other"))
    add_tocs(registry, tag="v2-esgztoc")
    with site(registry) as crfs:
        assert crfs.get(f"{root}/etc/passwd").body == b"root"


def test_without_one_the_layer_is_the_tar_that_it_also_is(registry: DemoRegistry, tmp_path: Path) -> None:
    root = add_image(registry)
    with site(registry, tmp_path) as crfs:
        assert crfs.get(f"{root}/etc/passwd").body == b"root"


@pytest.mark.parametrize("toc", [member(toc_tar(go_json(CRAFTER.entries[:1]))), b"rubbish", TOC[:-9]])
def test_a_toc_that_the_layer_does_not_vouch_for_is_not_believed(
    registry: DemoRegistry, tmp_path: Path, toc: bytes
) -> None:
    root = add_image(registry)
    add_tocs(registry, toc=toc)
    with site(registry, tmp_path) as crfs:
        assert crfs.get(f"{root}/etc/last").body == b"last"


def test_a_layer_without_the_digest_of_its_toc_is_read_without_it(registry: DemoRegistry, tmp_path: Path) -> None:
    root = add_image(registry, toc_digest=None)
    add_tocs(registry)
    with site(registry, tmp_path) as crfs:
        assert crfs.get(f"{root}/etc/last").body == b"last"

    assert not any("tags" in request for request in asked(registry))
