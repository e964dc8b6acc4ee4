"""Our writer's layers and our registry, as other people's tools find them."""

from __future__ import annotations

from pathlib import Path

import pytest

from crfs_dav.demo.registry import DemoRegistry
from crfs_dav.demo.sample import REPOSITORY, TAG, build_sample
from crfs_dav.names import digest_of
from crfs_dav.oci import TOC_DIGEST_ANNOTATION
from tests.support.archives import estargz_of
from tests.support.awkward import awkward_layers
from tests.support.containerd import converter
from tests.support.machine import run

pytestmark = pytest.mark.usefixtures("tools")


def test_ctr_remote_finds_the_toc_digests_that_we_annotate(tmp_path: Path) -> None:
    layers = [estargz_of(tar) for tar in awkward_layers(many=50)]
    with DemoRegistry() as registry, converter(tmp_path) as containerd:
        registry.add_image("odd", "x", layers)
        ctr = ("ctr-remote", "--address", containerd.socket)
        run([*ctr, "content", "fetch", "--plain-http", f"{registry.host}/odd:x"])
        for blob, annotations in layers:
            found = run([*ctr, "image", "get-toc-digest", str(digest_of(blob))])
            assert found.strip() == annotations[TOC_DIGEST_ANNOTATION]


def test_skopeo_copies_and_umoci_unpacks_the_sample_image(tmp_path: Path) -> None:
    with DemoRegistry() as registry:
        build_sample(registry)
        image = f"docker://{registry.host}/{REPOSITORY}:{TAG}"
        run(["skopeo", "copy", "--all", "--src-tls-verify=false", image, f"dir:{tmp_path}/all"])
        run(["skopeo", "copy", "--src-tls-verify=false", image, f"oci:{tmp_path}/oci:x"])
    run(["umoci", "unpack", "--rootless", "--image", f"{tmp_path}/oci:x", tmp_path / "bundle"])
    root = tmp_path / "bundle" / "rootfs"
    assert (root / "usr/bin/hello").read_text().startswith('#!/bin/sh\necho "Hello from the upper layer')
    assert [path.name for path in (root / "var/cache").iterdir()] == ["fresh"]
    assert not (root / "etc/motd").exists()
    assert len(list((tmp_path / "all").glob("*.manifest.json"))) == 2
