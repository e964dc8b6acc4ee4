"""Making the index of a blob, in a process of its own: there it takes no turns from the threads that serve.

The parent reads the network and hands the bytes over, so that tokens, retries and the rest of a connection are known
to one process only, and the worker is a function from bytes to a file:

    to the worker      job, as JSON, newline | the blob
    from the worker    reports, each as JSON, newline | outcome, likewise | the index, where it is in no file

A parent that dies closes the pipe: a worker that has not all bytes then ends without a trace.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, BinaryIO, Literal

import msgspec

from crfs_dav.errors import Corrupt, OverLimit, Unavailable
from crfs_dav.formats.columns import Columns
from crfs_dav.formats.columnsfile import dump_columns
from crfs_dav.formats.gzipindex import build_gzip_index
from crfs_dav.formats.limits import Limits
from crfs_dav.formats.progress import Report, Reporter, to_nobody
from crfs_dav.formats.spill import Spill
from crfs_dav.formats.zran import NoCheckpoints
from crfs_dav.names import parse_digest

_WORKER = "crfs_dav.formats.indexworker"
_LINE_LIMIT = 1 << 20  # bytes of a job, a report or an outcome
_RETRY_SECONDS = 5.0

Pieces = Iterable[bytes | memoryview]


class IndexJob(msgspec.Struct, frozen=True):
    """A blob to be indexed: its digest and size, what the index is kept under, and where to write it, if anywhere."""

    key: str
    digest: str
    size: int
    limits: Limits
    path: str | None = None


_ErrorName = Literal["", "Corrupt", "OverLimit", "NoCheckpoints"]
_ERRORS: Mapping[_ErrorName, type[Exception]] = {
    "OverLimit": OverLimit,  # a Corrupt too: the first that fits is the name
    "Corrupt": Corrupt,
    "NoCheckpoints": NoCheckpoints,
}


class Outcome(msgspec.Struct, frozen=True, tag="outcome"):
    """How a job ended: `written` to its path, else the index follows; or an error, and what it says."""

    error: _ErrorName = ""
    text: str = ""
    written: bool = False


_MESSAGES: msgspec.json.Decoder[Report | Outcome] = msgspec.json.Decoder(Report | Outcome)


def run_here(
    job: IndexJob,
    pieces: Iterable[bytes],
    *,
    columns: Columns | None = None,
    tell: Callable[[bytes], None] = to_nobody,
) -> Pieces:
    """The index, in pieces; raises Corrupt, OverLimit, NoCheckpoints. `columns` and `tell` as `scan_tar` has them."""
    index = build_gzip_index(pieces, parse_digest(job.digest), job.limits, columns=columns, tell=tell)
    return dump_columns(index, job.key)


def run_elsewhere(job: IndexJob, pieces: Iterable[bytes], tell: Callable[[Report], None] = to_nobody) -> bytes | None:
    """The index, made by another process; None where it is in the file at the job's path. `tell` hears how far it is.

    Raises as `run_here`, what `pieces` raises, and Unavailable where that process dies.
    """
    with (
        subprocess.Popen(
            [sys.executable, "-P", "-m", _WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            creationflags=getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0),
        ) as worker,
        ThreadPoolExecutor(1, thread_name_prefix="index-listener") as listener,
    ):
        assert worker.stdin is not None
        assert worker.stdout is not None
        try:
            received = listener.submit(_receive, worker.stdout, tell)
            _hand_over(worker.stdin, job, pieces)
            outcome, index = received.result()
        finally:
            worker.kill()
            with suppress(OSError):
                worker.stdin.close()
    if outcome is None:
        text = f"worker ended with {worker.returncode}; expected an index"
        raise Unavailable(text, retry_after_seconds=_RETRY_SECONDS)
    _raise_error(outcome)
    return None if outcome.written else index


def serve_job(stdin: BinaryIO, stdout: BinaryIO) -> None:
    """Do the job that `stdin` holds; the worker's side of `run_elsewhere`."""
    job = msgspec.json.decode(stdin.readline(_LINE_LIMIT), type=IndexJob)
    index: Pieces = ()

    def send(message: Report | Outcome) -> None:
        stdout.write(msgspec.json.encode(message) + b"\n")
        stdout.flush()

    with ExitStack() as stack:
        columns = _columns_beside(job.path, stack)
        try:
            with Reporter(send) as tell:
                index = run_here(job, _received(stdin, job.size), columns=columns, tell=tell)
            outcome = Outcome(written=_write(job.path, index))
        except (Corrupt, NoCheckpoints) as error:
            outcome = Outcome(_name_of(error), str(error))
        send(outcome)
        stdout.writelines(() if outcome.written else index)
        stdout.flush()


def _hand_over(stdin: IO[bytes], job: IndexJob, pieces: Iterable[bytes]) -> None:
    """Give the worker its job and the blob; one that has seen enough closes the pipe."""
    with suppress(BrokenPipeError):
        stdin.write(msgspec.json.encode(job) + b"\n")
    for piece in pieces:
        try:
            stdin.write(piece)
        except OSError:
            return
    with suppress(OSError):
        stdin.close()


def _receive(stdout: IO[bytes], tell: Callable[[Report], None]) -> tuple[Outcome | None, bytes]:
    """What the worker ends with, its reports told; None where it ends without."""
    try:
        while isinstance(message := _MESSAGES.decode(stdout.readline(_LINE_LIMIT)), Report):
            tell(message)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None, b""
    return message, stdout.read()


def _received(stdin: BinaryIO, size: int) -> Iterator[bytes]:
    """The blob; ends the process where it does not come whole: nobody waits for an index any more."""
    while size > 0:
        piece = stdin.read1(min(size, 256 << 10))  # type: ignore[attr-defined]  # of BufferedReader
        if not piece:
            sys.exit(1)
        size -= len(piece)
        yield piece


def _write(path: str | None, index: Pieces) -> bool:
    """True once the index is in a file at `path`; False, and no file there, where that cannot be."""
    if path is None:
        return False
    try:
        with open(path, "xb", opener=_open_private) as file:
            file.writelines(index)
    except OSError:
        with suppress(OSError):
            Path(path).unlink(missing_ok=True)
        return False
    return True


def _columns_beside(path: str | None, stack: ExitStack) -> Columns:
    """Columns that grow on the disk that the index is to be written to, where there is one, until `stack` unwinds."""
    if path is not None:
        with suppress(OSError):
            return Columns(stack.enter_context(Spill(Path(path).parent)).column)
    return Columns()


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _raise_error(outcome: Outcome) -> None:
    if outcome.error:
        raise _ERRORS[outcome.error](outcome.text)


def _name_of(error: Exception) -> _ErrorName:
    return next(name for name, kind in _ERRORS.items() if isinstance(error, kind))
