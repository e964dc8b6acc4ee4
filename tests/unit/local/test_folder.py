"""The local folder: what is in it can be read, and nothing else, whoever makes which links when."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from crfs_dav.errors import CrfsError, NotFound, Unavailable
from crfs_dav.local import folder as folder_module
from crfs_dav.local.folder import LocalFolder

OUTSIDE = b"outside"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with a file, a directory, and a secret beside it."""
    root = tmp_path / "root"
    (root / "d").mkdir(parents=True)
    (root / "d" / "f").write_bytes(b"inside")
    (tmp_path / "secret").write_bytes(OUTSIDE)
    return root


@pytest.fixture(params=["openat", "paths"])
def folder(root: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> LocalFolder:
    if request.param == "paths":
        monkeypatch.setattr(folder_module, "_HAS_OPENAT", False)
    return LocalFolder(root)


def test_files_and_directories_are_listed_and_read(folder: LocalFolder) -> None:
    assert folder.names() == {"d": True}
    assert folder.names(["d"]) == {"f": False}
    with folder.open(["d", "f"]) as file:
        assert (file.size, file.read_at(2, 3), file.read_at(6, 1)) == (6, b"sid", b"")


def test_a_new_file_is_seen_at_once(folder: LocalFolder, root: Path) -> None:
    (root / "new").write_bytes(b"new")

    assert folder.names() == {"d": True, "new": False}


_WAYS: dict[str, Callable[[Path], object]] = {
    "link to a file": lambda root: (root / "x").symlink_to(root.parent / "secret"),
    "relative link": lambda root: (root / "x").symlink_to("../secret"),
    "link inside": lambda root: (root / "x").symlink_to("d/f"),
    "dangling link": lambda root: (root / "x").symlink_to("nowhere"),
    "loop": lambda root: (root / "x").symlink_to("x"),
    "fifo": lambda root: os.mkfifo(root / "x"),
    "nothing": lambda root: None,
}


@pytest.mark.parametrize("make", _WAYS.values(), ids=_WAYS)
def test_what_is_no_file_is_not_there(folder: LocalFolder, root: Path, make: Callable[[Path], object]) -> None:
    make(root)

    assert "x" not in folder.names()
    with pytest.raises(NotFound):
        folder.open(["x"])


def test_a_socket_is_not_there(folder: LocalFolder, root: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root / "x"))
        with pytest.raises(NotFound):
            folder.open(["x"])


def test_a_linked_directory_leads_nowhere(folder: LocalFolder, root: Path) -> None:
    (root / "out").symlink_to("..")
    (root / "abs").symlink_to("/")

    assert folder.names() == {"d": True}
    for components in (["out", "secret"], ["out"], ["abs", "etc", "passwd"]):
        with pytest.raises(NotFound):
            folder.open(components)


@pytest.mark.parametrize(
    "components",
    [
        ["..", "secret"],
        ["d", "..", "..", "secret"],
        ["../secret"],
        ["d/f"],
        [""],
        ["."],
        ["d", ""],
        ["a\0b"],
        ["x" * 300],
    ],
)
def test_components_that_are_more_than_a_name_lead_nowhere(folder: LocalFolder, components: list[str]) -> None:
    with pytest.raises(NotFound):
        folder.open(components)


def test_a_directory_is_no_file(folder: LocalFolder) -> None:
    with pytest.raises(NotFound):
        folder.open(["d"])


def test_a_file_that_changes_in_place_is_refused(folder: LocalFolder, root: Path) -> None:
    with folder.open(["d", "f"]) as file:
        with (root / "d" / "f").open("ab") as writer:
            writer.write(b"more")
        with pytest.raises(Unavailable, match="changed while it was read"):
            file.read_at(0, 3)


def test_a_file_that_is_replaced_is_read_as_it_was_and_has_another_identity(folder: LocalFolder, root: Path) -> None:
    before = folder.identity(["d", "f"])
    with folder.open(["d", "f"]) as file:
        (root / "new").write_bytes(b"other!")
        (root / "new").rename(root / "d" / "f")
        assert file.read_at(0, 6) == b"inside"

    assert folder.identity(["d", "f"]) != before


def test_no_race_leads_out_of_the_folder(root: Path) -> None:
    folder = LocalFolder(root)
    (root / "real").mkdir()
    (root / "real" / "secret").write_bytes(b"inside")
    stop = threading.Event()

    def swap() -> None:
        """Makes `way` a directory and a link out of the folder in turns."""
        while not stop.is_set():
            (root / "way").symlink_to("..")
            (root / "way").unlink()
            (root / "real").rename(root / "way")
            (root / "way").rename(root / "real")

    swapper = threading.Thread(target=swap)
    swapper.start()
    seen = set()
    try:
        for _ in range(3000):
            try:
                with folder.open(["way", "secret"]) as file:
                    seen.add(file.read_at(0, 10))
            except CrfsError:
                continue
    finally:
        stop.set()
        swapper.join()

    assert seen <= {b"inside"}
