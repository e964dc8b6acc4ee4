"""`/layers/local/` and `/images/local/`: archives and images of the server's disk, as clients see them."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crfs_dav.config import BadConfig
from crfs_dav.demo.registry import DemoRegistry
from crfs_dav.names import digest_of
from tests.support.archives import Member, dir_, estargz_of, file, hardlink, link, tar_of, targz_of, whiteout
from tests.support.site import Site, site
from tests.support.zstdchunked import frame

LOWER = tar_of(dir_("etc/"), file("etc/passwd", b"root"), file("etc/old", b"old"))
UPPER = tar_of(dir_("etc/"), whiteout("etc/old"), file("etc/new", b"new"))
ARCHIVES = {
    "a.tar": LOWER,
    "a.tar.gz": targz_of(LOWER),
    "a.tgz": targz_of(LOWER),
    "a.tar.zst": frame(LOWER),
    "a.stargz": estargz_of(LOWER)[0],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "local").mkdir()
    return tmp_path / "local"


@pytest.fixture
def crfs(folder: Path, tmp_path: Path) -> Iterator[Site]:
    with DemoRegistry() as registry, site(registry, tmp_path / "cache", local=str(folder)) as crfs:
        yield crfs


def config_of(*layers: bytes) -> bytes:
    diff_ids = [str(digest_of(layer)) for layer in layers]
    values = {"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": diff_ids}}
    return json.dumps(values).encode()


def docker_save(*layers: Member, config: bytes, tags: list[str] | None, paths: list[str]) -> bytes:
    manifest = [{"Config": "config.json", "RepoTags": tags, "Layers": paths}]
    return tar_of(*layers, file("config.json", config), file("manifest.json", json.dumps(manifest).encode()))


def saved_image(tags: list[str] | None = None) -> bytes:
    layers = (file("1/layer.tar", LOWER), file("2/layer.tar", UPPER))
    return docker_save(*layers, config=config_of(LOWER, UPPER), tags=tags, paths=["1/layer.tar", "2/layer.tar"])


def oci_files(name: str | None = "v1") -> dict[str, bytes]:
    """The files of an OCI layout by path."""
    files = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}'}

    def add(content: bytes, media_type: str) -> dict[str, Any]:
        files[f"blobs/sha256/{digest_of(content).hex}"] = content
        return {"mediaType": media_type, "digest": str(digest_of(content)), "size": len(content)}

    layers = [add(targz_of(tar), "application/vnd.oci.image.layer.v1.tar+gzip") for tar in (LOWER, UPPER)]
    config = add(config_of(LOWER, UPPER), "application/vnd.oci.image.config.v1+json")
    document = json.dumps({"schemaVersion": 2, "config": config, "layers": layers}).encode()
    manifest = add(document, "application/vnd.oci.image.manifest.v1+json")
    if name is not None:
        manifest["annotations"] = {"org.opencontainers.image.ref.name": name}
    files["index.json"] = json.dumps({"schemaVersion": 2, "manifests": [manifest]}).encode()
    return files


def write_layout(folder: Path, files: dict[str, bytes]) -> None:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_is_a_directory_of_layers(crfs: Site, folder: Path, name: str) -> None:
    (folder / name).write_bytes(ARCHIVES[name])

    assert crfs.names("/layers/local/") == [f"{name}/"]
    assert crfs.names(f"/layers/local/{name}/etc/") == ["old", "passwd"]
    assert crfs.get(f"/layers/local/{name}/etc/passwd").body == b"root"
    assert crfs.names("/images/local/") == []
    assert crfs.status(f"/images/local/{name}") == 404


def test_local_stands_beside_the_registries(crfs: Site) -> None:
    assert "local/" in crfs.names("/layers/")
    assert "local/" in crfs.names("/images/")


def test_without_a_folder_there_is_no_local() -> None:
    with DemoRegistry() as registry, site(registry) as crfs:
        assert "local/" not in crfs.names("/layers/")
        assert crfs.status("/layers/local") == 404


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with (
        DemoRegistry() as registry,
        pytest.raises(BadConfig, match="nowhere; expected a folder"),
        site(registry, local=str(tmp_path / "nowhere")),
    ):
        pass


def test_new_changed_and_removed_files_are_seen_without_a_restart(crfs: Site, folder: Path) -> None:
    assert crfs.names("/layers/local/") == []
    (folder / "a.tar").write_bytes(LOWER)
    assert crfs.get("/layers/local/a.tar/etc/passwd").body == b"root"
    before = crfs.get("/layers/local/a.tar/etc/passwd").headers["etag"]

    (folder / "new").write_bytes(tar_of(dir_("etc/"), file("etc/passwd", b"changed")))
    (folder / "new").rename(folder / "a.tar")
    after = crfs.get("/layers/local/a.tar/etc/passwd")
    assert (after.body, after.headers["etag"] == before) == (b"changed", False)

    (folder / "a.tar").unlink()
    assert crfs.status("/layers/local/a.tar/etc/passwd") == 404


@pytest.mark.parametrize("form", ["folder", "tar", "gzip"])
def test_an_oci_layout_is_a_repository_with_its_references(crfs: Site, folder: Path, form: str) -> None:
    files, name = oci_files(), {"folder": "layout", "tar": "layout.tar", "gzip": "layout.tgz"}[form]
    if form == "folder":
        write_layout(folder / name, files)
    else:
        tar = tar_of(*(file(path, content) for path, content in files.items()))
        (folder / name).write_bytes(tar if form == "tar" else gzip.compress(tar))

    references = crfs.names(f"/images/local/{name}/")
    assert references[0] == "v1/"
    assert references[1].startswith("sha256-")
    assert crfs.names(f"/images/local/{name}/v1/etc/") == ["new", "passwd"]
    assert crfs.get(f"/images/local/{name}/v1/etc/new").body == b"new"
    assert crfs.get(f"/layers/local/{name}/v1/0/etc/old").body == b"old"
    assert {"0/", "1/", "config", "manifest"} <= set(crfs.names(f"/layers/local/{name}/v1/"))
    assert crfs.names("/images/local/") == [f"{name}/"]


def test_a_packed_archive_of_images_is_listed_once_it_was_opened(crfs: Site, folder: Path) -> None:
    (folder / "saved.tgz").write_bytes(gzip.compress(saved_image(["my/app:v1"])))

    assert crfs.names("/images/local/") == []
    assert crfs.get("/images/local/saved.tgz/my_app:v1/etc/new").body == b"new"
    assert crfs.names("/images/local/") == ["saved.tgz/"]


@pytest.mark.parametrize(
    ("tags", "shown"),
    [
        (["my/app:v1"], ["my_app:v1/"]),
        (["app:v1", "app:v2"], ["app:v1/", "app:v2/"]),
        (None, []),
        (["..", "a\nb", "x" * 300], []),
    ],
)
def test_a_saved_image_is_a_repository_with_its_tags(
    crfs: Site, folder: Path, tags: list[str] | None, shown: list[str]
) -> None:
    (folder / "saved.tar").write_bytes(saved_image(tags))
    names = crfs.names("/images/local/saved.tar/")

    assert [name for name in names if not name.startswith("sha256-")] == shown
    for name in names:
        assert crfs.get(f"/images/local/saved.tar/{name}etc/passwd").body == b"root"
        assert crfs.status(f"/images/local/saved.tar/{name}etc/old") == 404
    assert crfs.get(f"/layers/local/saved.tar/{names[0]}1/etc/.wh.old").status == 200


@pytest.mark.parametrize(
    "make", [lambda: link("2/layer.tar", "../1/layer.tar"), lambda: hardlink("2/layer.tar", "1/layer.tar")]
)
def test_layers_that_are_links_to_others_are_followed(crfs: Site, folder: Path, make: Any) -> None:
    config = config_of(LOWER, LOWER)
    tar = docker_save(
        file("1/layer.tar", LOWER), make(), config=config, tags=["a:1"], paths=["1/layer.tar", "2/layer.tar"]
    )
    (folder / "saved.tar").write_bytes(tar)

    assert crfs.get("/layers/local/saved.tar/a:1/1/etc/passwd").body == b"root"


def test_layers_that_were_packed_are_read_too(crfs: Site, folder: Path) -> None:
    tar = docker_save(file("l", targz_of(LOWER)), config=config_of(LOWER), tags=["a:1"], paths=["l"])
    (folder / "saved.tar").write_bytes(tar)

    assert crfs.get("/images/local/saved.tar/a:1/etc/passwd").body == b"root"


def test_a_plain_archive_with_a_file_called_manifest_is_no_image(crfs: Site, folder: Path) -> None:
    (folder / "a.tar").write_bytes(tar_of(file("manifest.json", b'{"name": "web app"}'), file("f", b"f")))

    assert crfs.names("/images/local/") == []
    assert crfs.get("/layers/local/a.tar/f").body == b"f"


def test_only_archives_and_layouts_are_shown(crfs: Site, folder: Path) -> None:
    (folder / "notes.txt").write_bytes(b"private")
    (folder / "d").mkdir()
    (folder / "d" / "a.tar").write_bytes(LOWER)
    (folder / "._a.tar").write_bytes(LOWER)

    assert crfs.names("/layers/local/") == []
    for path in ("notes.txt", "d", "d/a.tar", "._a.tar", "..", "%2e%2e/secret"):
        assert crfs.status(f"/layers/local/{path}") in (404, 400)


def test_a_broken_archive_is_its_bytes_and_the_reason(crfs: Site, folder: Path) -> None:
    (folder / "a.tar.gz").write_bytes(targz_of(LOWER)[:-20])

    names = crfs.names("/layers/local/a.tar.gz/")
    assert names[0] == "README.txt"
    assert b"expected a whole member" in crfs.get("/layers/local/a.tar.gz/README.txt").body
    assert crfs.get(f"/layers/local/a.tar.gz/{names[1]}").body == targz_of(LOWER)[:-20]


@pytest.mark.parametrize(
    "change",
    [
        {"index.json": b"{"},
        {"index.json": b'{"schemaVersion":2,"config":{},"layers":[]}'},
        {"index.json": json.dumps({"manifests": [{"digest": "sha256:../../x", "size": 1}]}).encode()},
    ],
)
def test_a_broken_layout_is_an_error_and_harms_no_other(crfs: Site, folder: Path, change: dict[str, bytes]) -> None:
    write_layout(folder / "bad", oci_files() | change)
    write_layout(folder / "good", oci_files())

    assert crfs.status("/images/local/bad") == 502
    assert crfs.get("/images/local/good/v1/etc/new").body == b"new"
    assert "good/" in crfs.names("/images/local/")


def test_a_blob_that_leads_out_of_a_layout_is_not_read(crfs: Site, folder: Path) -> None:
    files = oci_files()
    write_layout(folder / "layout", files)
    manifest = json.loads(files["index.json"])["manifests"][0]["digest"].removeprefix("sha256:")
    secret = folder.parent / "secret"
    secret.write_bytes(files[f"blobs/sha256/{manifest}"])
    (folder / "layout" / "blobs/sha256" / manifest).unlink()
    (folder / "layout" / "blobs/sha256" / manifest).symlink_to(secret)

    assert crfs.status("/images/local/layout/v1/etc/new") == 404


def test_a_blob_of_another_digest_is_refused(crfs: Site, folder: Path) -> None:
    files = oci_files()
    manifest = json.loads(files["index.json"])["manifests"][0]
    path = f"blobs/sha256/{manifest['digest'].removeprefix('sha256:')}"
    write_layout(folder / "layout", files | {path: files[path][:-1] + b" "})

    assert crfs.status("/images/local/layout/v1/etc/new") == 502


def test_what_python_writes_is_read(crfs: Site, folder: Path) -> None:
    with tarfile.open(folder / "a.tar", "w") as archive:
        entry = tarfile.TarInfo("caf\udce9")
        entry.size = 3
        archive.addfile(entry, io.BytesIO(b"abc"))

    assert crfs.get("/layers/local/a.tar/caf\udce9").body == b"abc"
