from __future__ import annotations

import io
import tarfile

import pytest

from crfs_dav.formats.order import prioritize
from tests.support.archives import dir_, file, hardlink, tar_of

TAR = tar_of(
    dir_("./"),
    dir_("a"),
    file("a/x", b"x" * 600),
    dir_("b"),
    dir_("b/c"),
    file("./b/c/hot", b"1"),
    hardlink("late", "b/c/hot"),
    hardlink("round", "about"),
    hardlink("about", "round"),
    file("b/c/hot", b"2"),
)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ((), []),
        (("a/x",), [".", "a", "a/x"]),
        (("/b/c/hot", "a/x"), [".", "b", "b/c", "./b/c/hot", "b/c/hot", "a", "a/x"]),
        (("late",), [".", "b", "b/c", "./b/c/hot", "b/c/hot", "late"]),
        (("round",), [".", "about", "round"]),
    ],
    ids=["nothing", "with its parents", "in the order asked for", "after its target", "links in a circle"],
)
def test_what_is_wanted_comes_first_with_what_it_needs(names: tuple[str, ...], expected: list[str]) -> None:
    ordered = prioritize(io.BytesIO(TAR), names)
    with (
        tarfile.open(fileobj=io.BytesIO(b"".join(ordered.pieces))) as tar,
        tarfile.open(fileobj=io.BytesIO(TAR)) as old,
    ):
        assert tar.getnames()[: ordered.count] == expected
        assert sorted(tar.getnames()) == sorted(old.getnames())


def test_nothing_is_lost_or_added() -> None:
    moved = b"".join(prioritize(io.BytesIO(TAR), ("b/c/hot", "a")).pieces)
    assert len(moved) == len(TAR)
    assert sorted(moved[at : at + 512] for at in range(0, len(moved), 512)) == sorted(
        TAR[at : at + 512] for at in range(0, len(TAR), 512)
    )


def test_names_that_are_not_there_are_passed_over() -> None:
    ordered = prioritize(io.BytesIO(TAR), ("nowhere", "b/none"))

    assert sorted(b"".join(ordered.pieces)) == sorted(TAR)
    assert ordered.count == prioritize(io.BytesIO(TAR), ("b",)).count


def test_names_that_are_there_are_told_as_they_were_spelled() -> None:
    assert prioritize(io.BytesIO(TAR), ("nowhere", "/a", "./b/c/hot", "b/none")).found == ("/a", "./b/c/hot")
