"""Names that a TOC could not spell, read from their tar headers.

Go's JSON writes U+FFFD for each byte that is not UTF-8 (google/crfs#43, stargz-snapshotter#1611), so names are lost
and may collide. The bytes are still in the tar header, which lies at the end of the previous member, after the
payload of the previous file. A bounded number of ranges is read; names beyond them keep the TOC's spelling, in
directories whose true name is known by then, and made unique.
"""

from __future__ import annotations

import logging
import re
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from crfs_dav.archive import Kind
from crfs_dav.errors import Corrupt
from crfs_dav.formats.columns import Columns
from crfs_dav.formats.gzipmember import MemberDecoder, cut, prefix
from crfs_dav.formats.limits import DEFAULT_LIMITS, Limits
from crfs_dav.formats.tarheaders import TarNames, parse_headers
from crfs_dav.formats.toc import OddNames, Toc
from crfs_dav.formats.tocbatch import REPLACEMENT
from crfs_dav.readers import ReaderAt

logger = logging.getLogger(__name__)

Decode = Callable[[Iterable[bytes | memoryview]], Iterator[bytes]]

_GAP = 256 << 10  # bytes between two members that are cheaper to read than to skip
_LOST = re.compile("[\ud800-\udfff\ufffd]+")


@dataclass(frozen=True, slots=True)
class _Search:
    """Entries whose headers follow one another in a member's content, from `inner_offset` on."""

    start: int  # of the member in the blob
    end: int
    inner_offset: int
    positions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Members:
    """A blob and how its members are unpacked, each up to `limit` bytes."""

    blob: ReaderAt
    decode: Decode
    limit: int

    def content(self, compressed: memoryview) -> bytes:
        try:
            return prefix(self.decode(cut(compressed)), self.limit)
        except Corrupt as error:
            logger.warning("tar headers: %s", error)
            return b""


def _inflate_members(compressed: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    """Content of all members: writers may begin one where no TOC says so, such as after a landmark."""
    decoder = MemberDecoder()
    for data in compressed:
        yield from decoder.feed(data)


def repair_names(
    toc: Toc, blob: ReaderAt, decode: Decode = _inflate_members, *, limits: Limits = DEFAULT_LIMITS
) -> None:
    """Give the entries of `toc` that hold U+FFFD their true names, or unique ones. Raises what `blob` raises.

    `decode` unpacks the members of `blob`.
    """
    positions = toc.odd_names.positions
    if not positions:
        return
    columns = toc.columns
    texts: dict[int, bytes] = {}
    for searches in _ranges(_searches(toc.odd_names, columns), limits):
        texts |= _read_range(_Members(blob, decode, limits.repair_member), searches, columns)
    lost = [position for position in positions if position not in texts]
    if lost:
        logger.warning("%d names with U+FFFD not found in tar headers; they stay as the TOC has them", len(lost))
        _rename_lost(lost, texts, columns)
    columns.replace_texts(texts)


def _searches(odd_names: OddNames, columns: Columns) -> Iterator[_Search]:
    """What to look for where, in order of the TOC."""
    found: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for position, member, inner_offset in zip(
        odd_names.positions, odd_names.members, odd_names.inner_offsets, strict=True
    ):
        found[member, inner_offset].append(position)
    for (member, inner_offset), positions in found.items():
        yield _Search(member, columns.member_end(member), inner_offset, tuple(positions))


def _ranges(searches: Iterator[_Search], limits: Limits) -> list[list[_Search]]:
    """Searches by the range of the blob that one read brings; those that would cost too much are left out."""
    ranges: list[list[_Search]] = []
    end = -_GAP - 1
    for search in sorted(searches, key=lambda each: (each.start, each.inner_offset)):
        if search.end - search.start > limits.repair_range:
            continue
        start = ranges[-1][0].start if ranges else 0
        if search.start - end > _GAP or search.end - start > limits.repair_range:
            if len(ranges) == limits.repair_reads:
                break
            ranges.append([])
        ranges[-1].append(search)
        end = search.end
    return ranges


def _read_range(members: _Members, searches: list[_Search], columns: Columns) -> dict[int, bytes]:
    """True texts by position, of the entries whose headers were found and fit."""
    start = searches[0].start
    data = memoryview(members.blob.read_at(start, searches[-1].end - start))
    texts: dict[int, bytes] = {}
    member, content = -1, b""
    for search in searches:
        if search.start != member:
            member = search.start
            content = members.content(data[search.start - start : search.end - start])
        texts |= _find(content, search, columns)
    return texts


def _find(content: bytes, search: _Search, columns: Columns) -> dict[int, bytes]:
    wanted: defaultdict[tuple[str, str], deque[int]] = defaultdict(deque)
    for position in search.positions:
        name, _, link_name = columns.text(position).partition(b"\0")
        wanted[_spelling(name), _spelling(link_name)].append(position)
    missing = len(search.positions)
    texts: dict[int, bytes] = {}
    for names in parse_headers(content, search.inner_offset):
        positions = wanted.get((_spelling(names.name), _spelling(names.link_name)))
        if not positions:
            continue
        position = positions.popleft()
        text = _text(names, columns.text(position))
        if len(text) <= len(columns.text(position)):  # U+FFFD takes as many bytes as what it may stand for, or more
            texts[position] = text
        missing -= 1
        if not missing:
            break
    return texts


def _spelling(name: bytes) -> str:
    """A name with what is lost folded: writers differ in how many U+FFFD they put for a broken sequence."""
    return _LOST.sub("\ufffd", name.decode("utf-8", "surrogateescape")).rstrip("/")


def _text(names: TarNames, toc_text: bytes) -> bytes:
    toc_name, nul, _ = toc_text.partition(b"\0")
    name = names.name.rstrip(b"/") + toc_name[len(toc_name.rstrip(b"/")) :]
    return name + nul + names.link_name if nul else name


def _rename_lost(lost: list[int], texts: dict[int, bytes], columns: Columns) -> None:
    """Add to `texts` the names of entries not found: below the true name of their directory, and unique."""
    true_names = _true_names(texts, columns)
    taken = {text.partition(b"\0")[0] for text in texts.values()}
    for position in lost:
        name, nul, link_name = columns.text(position).partition(b"\0")
        directory, slash, base = name.rpartition(b"/")
        name = _below_true_name(directory, true_names) + slash + base
        if columns.kind(position) is not Kind.DIR:
            name = _unique(name, taken)
            taken.add(name)
        if columns.kind(position) is Kind.HARDLINK:
            link_name = _below_true_name(link_name, true_names)
        texts[position] = name + nul + link_name


def _true_names(texts: dict[int, bytes], columns: Columns) -> dict[bytes, bytes]:
    """True paths by the TOC's spelling, of what was found and of all directories above; only where it is one path."""
    found: dict[bytes, bytes] = {}
    ambiguous: set[bytes] = set()
    for position, text in texts.items():
        true = text.partition(b"\0")[0].rstrip(b"/").split(b"/")
        spelled = columns.text(position).partition(b"\0")[0].rstrip(b"/").split(b"/")
        if len(true) != len(spelled):
            continue
        for depth in range(1, len(true) + 1):
            path, true_path = b"/".join(spelled[:depth]), b"/".join(true[:depth])
            if REPLACEMENT in path and found.setdefault(path, true_path) != true_path:
                ambiguous.add(path)
    return {path: true_path for path, true_path in found.items() if path not in ambiguous}


def _below_true_name(path: bytes, true_names: dict[bytes, bytes]) -> bytes:
    """`path` with its longest part that is known by its true name spelled so."""
    components = path.split(b"/")
    for depth in range(len(components), 0, -1):
        true_name = true_names.get(b"/".join(components[:depth]))
        if true_name is not None:
            return b"/".join([true_name, *components[depth:]])
    return path


def _unique(name: bytes, taken: set[bytes]) -> bytes:
    number = 1
    unique = name
    while unique in taken:
        number += 1
        unique = b"%s~%d" % (name, number)
    return unique
