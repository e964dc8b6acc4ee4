"""Layers of very many entries: what indexing and opening them takes of memory, as the kernel counts it.

Bound: 150 MB for two million entries, in each of the processes, of which one has ended when the other begins.
"""

from __future__ import annotations

import subprocess
import sys
import zlib
from pathlib import Path

import msgspec
import pytest

from crfs_dav.formats.indexing import IndexJob
from crfs_dav.formats.limits import Limits
from crfs_dav.names import digest_of
from tests.support.archives import END, file, header_of

ENTRIES = 200_000
BOUND_KB = 150_000 * ENTRIES // 2_000_000
_PEAK = """
import sys

def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
"""
_INDEX = """
from crfs_dav.formats.indexing import serve_job

before = peak()
serve_job(sys.stdin.buffer, sys.stderr.buffer)
print(peak() - before)
"""
_OPEN = """
import mmap
from crfs_dav.formats.columnsfile import load_columns
from crfs_dav.formats.gzipindex import GzipIndex
from crfs_dav.formats.tarentries import TarArchive
from crfs_dav.readers import BytesReader
from crfs_dav.tree.layer import build_tree

with open(sys.argv[1], "rb") as file:
    data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
before = peak()
tree = build_tree(TarArchive(GzipIndex(load_columns(memoryview(data), "key")).columns, BytesReader(b"")), "layer")
print(peak() - before)
assert "0199999-of-the-files" in tree.lookup(sys.argv[2]).children()
"""


def blob_of(directories: int) -> bytes:
    """A layer of ENTRIES empty files in this many directories."""
    plain = bytearray(header_of(file("x"), "pax"))
    plain[0:1], plain[148:156] = b"\0", b" " * 8
    usual = sum(plain)
    packer = zlib.compressobj(1, wbits=31)
    pieces = []
    for number in range(ENTRIES):
        name = b"d%05d/%07d-of-the-files" % (number % directories, number)
        plain[: len(name)] = name
        plain[148:156] = b"%06o\0 " % (usual + sum(name))
        pieces.append(packer.compress(plain))
    return b"".join([*pieces, packer.compress(END), packer.flush()])


def grown_kb(code: str, *arguments: str, stdin: bytes = b"") -> int:
    """By how much a process that runs `code` grew, as it says itself."""
    command = [sys.executable, "-c", _PEAK + code, *arguments]
    return int(subprocess.run(command, input=stdin, capture_output=True, check=True).stdout)


@pytest.mark.parametrize("directories", [1, 1000], ids=["in one directory", "in a thousand"])
def test_a_layer_of_many_entries_is_indexed_and_opened_in_bounded_memory(directories: int, tmp_path: Path) -> None:
    blob, path = blob_of(directories), tmp_path / "index"
    job = IndexJob("key", str(digest_of(blob)), len(blob), Limits(), str(path))

    indexing_kb = grown_kb(_INDEX, stdin=msgspec.json.encode(job) + b"\n" + blob)
    opening_kb = grown_kb(_OPEN, str(path), f"d{199_999 % directories:05}")

    assert indexing_kb < BOUND_KB
    assert opening_kb < BOUND_KB
