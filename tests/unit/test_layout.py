from __future__ import annotations

import errno
import io
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from crfs_dav import layout
from crfs_dav.errors import BadName, Corrupt, NotFound, Unavailable
from crfs_dav.layout import LayoutSource, LayoutTarget, written
from crfs_dav.names import digest_of
from crfs_dav.oci import OCI_MANIFEST, Descriptor

DATA = bytes(range(256)) * 10_000  # more than two blocks
BLOB = Descriptor("", digest_of(DATA), len(DATA))
DOCUMENT = b'{"manifests": []}'
ROOT = Descriptor(OCI_MANIFEST, digest_of(DOCUMENT), len(DOCUMENT))


def put(target: LayoutTarget) -> None:
    target.put_blob(BLOB, io.BytesIO(DATA), lambda sent: None)
    target.put_root(ROOT, DOCUMENT, lambda size: None)


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_what_was_written_is_read(tmp_path: Path) -> None:
    target, source = LayoutTarget(tmp_path / "new", "x"), LayoutSource(tmp_path / "new", "x")
    assert not target.has(BLOB)

    put(target)

    assert target.has(BLOB)
    assert source.root() == ROOT
    assert source.manifest(ROOT) == DOCUMENT
    blob = source.blob(BLOB)
    assert (blob.size, blob.read_at(1000, 5000), blob.read_at(len(DATA) - 3, 10)) == (
        len(DATA),
        DATA[1000:6000],
        DATA[-3:],
    )


def test_a_layout_holds_what_the_specification_says(tmp_path: Path) -> None:
    put(LayoutTarget(tmp_path, "x"))

    blobs = {f"blobs/sha256/{each.digest.hex}" for each in (BLOB, ROOT)}
    assert files(tmp_path) == {"oci-layout", "index.json", *blobs}
    assert json.loads((tmp_path / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
    [entry] = json.loads((tmp_path / "index.json").read_text())["manifests"]
    assert entry["annotations"] == {"org.opencontainers.image.ref.name": "x"}


def test_other_names_stay_and_ours_moves(tmp_path: Path) -> None:
    for name in ("a", "b", "a"):
        put(LayoutTarget(tmp_path, name))
    index = json.loads((tmp_path / "index.json").read_text())
    index["annotations"] = {"kept": "yes"}
    (tmp_path / "index.json").write_text(json.dumps(index))

    put(LayoutTarget(tmp_path, "b"))

    index = json.loads((tmp_path / "index.json").read_text())
    assert [entry["annotations"]["org.opencontainers.image.ref.name"] for entry in index["manifests"]] == ["a", "b"]
    assert index["annotations"] == {"kept": "yes"}


@pytest.mark.parametrize(("names", "ref"), [(["x"], None), (["a", "latest"], None), (["a", "b"], "b")])
def test_an_image_is_found_by_name_or_as_the_only_one(tmp_path: Path, names: list[str], ref: str | None) -> None:
    for name in names:
        put(LayoutTarget(tmp_path, name))
    assert LayoutSource(tmp_path, ref).root() == ROOT


@pytest.mark.parametrize(
    ("names", "ref", "text"),
    [(["a", "b"], None, "a, b; expected latest"), (["a"], "z", "a; expected z")],
)
def test_an_image_that_is_not_there_is_told_of(tmp_path: Path, names: list[str], ref: str | None, text: str) -> None:
    for name in names:
        put(LayoutTarget(tmp_path, name))
    with pytest.raises(NotFound, match=text):
        LayoutSource(tmp_path, ref).root()


def test_no_layout_is_no_source(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="expected a file of an OCI image layout"):
        LayoutSource(tmp_path, None).root()


def test_other_folders_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("dear")
    with pytest.raises(BadName, match="a folder with other things"):
        LayoutTarget(tmp_path, None).has(BLOB)
    assert files(tmp_path) == {"thesis.txt"}


def test_a_file_is_no_layout(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")
    with pytest.raises(BadName, match="Not a directory"):
        LayoutTarget(tmp_path / "x", None).has(BLOB)


def test_another_digest_is_corrupt_and_leaves_nothing(tmp_path: Path) -> None:
    target = LayoutTarget(tmp_path, None)
    with pytest.raises(Corrupt, match="another digest"):
        target.put_blob(BLOB, io.BytesIO(DATA[1:]), lambda sent: None)
    assert files(tmp_path) == set()


def test_who_stops_leaves_nothing_half_written(tmp_path: Path) -> None:
    def stop(sent: int) -> None:
        if sent:
            raise KeyError

    with pytest.raises(KeyError):
        LayoutTarget(tmp_path, None).put_blob(BLOB, io.BytesIO(DATA), stop)
    assert files(tmp_path) == set()


def test_a_full_disk_is_told_of_and_leaves_nothing(tmp_path: Path) -> None:
    with (
        pytest.raises(Unavailable, match="blob: No space left on device; expected it to be written"),
        written(tmp_path / "blob"),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert files(tmp_path) == set()


def test_a_manifest_that_rotted_is_corrupt(tmp_path: Path) -> None:
    put(LayoutTarget(tmp_path, "x"))
    layout._blob_path(tmp_path, ROOT.digest).write_bytes(b"rust")
    with pytest.raises(Corrupt, match="another digest"):
        LayoutSource(tmp_path, "x").manifest(ROOT)


def test_a_blob_that_is_cut_short_is_corrupt_and_not_there(tmp_path: Path) -> None:
    target = LayoutTarget(tmp_path, "x")
    put(target)
    layout._blob_path(tmp_path, BLOB.digest).write_bytes(DATA[:10])
    assert not target.has(BLOB)
    with pytest.raises(Corrupt, match="ends after 10 bytes"):
        LayoutSource(tmp_path, "x").blob(BLOB).read_at(0, 100)


def test_nothing_is_mounted(tmp_path: Path) -> None:
    from crfs_dav.names import parse_reference

    assert not LayoutTarget(tmp_path, None).mount(BLOB, parse_reference("a/b:c").repository)


def test_names_written_at_one_time_are_all_there(tmp_path: Path) -> None:
    names = [f"name-{number}" for number in range(24)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: put(LayoutTarget(tmp_path, name)), names))

    assert {LayoutSource(tmp_path, name).root() for name in names} == {ROOT}
    assert not [name for name in files(tmp_path) if "lock" in name]


def test_a_name_is_not_set_where_whoever_is_told_says_no(tmp_path: Path) -> None:
    def stop(size: int) -> None:
        if size:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        LayoutTarget(tmp_path, "x").put_root(ROOT, DOCUMENT, stop)
    assert not (tmp_path / "index.json").exists()
