"""An answer: status, headers, body; and the ways in which bodies are sent."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

_PIECE = 64 << 10  # bytes of text joined before they are sent
_LENGTH_UP_TO_BYTES = 2 << 20  # what a listing may take in memory to get a Content-Length

Header = tuple[str, str]


class CutConnection(ConnectionAbortedError):
    """To be raised in a body that cannot go on: cheroot closes the connection on it, without a traceback.

    Its `HTTPConnection.communicate` takes socket errors of this number for a client that went away.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(errno.ECONNABORTED, reason)


@dataclass(frozen=True, slots=True)
class Response:
    """What goes back; `headers` may still grow, `body` is gone through once."""

    status: str
    headers: list[Header] = field(default_factory=list)
    body: Iterable[bytes] = ()

    def closing(self) -> Response:
        """The same answer, and then the end of the connection."""
        return Response(self.status, [*self.headers, ("Connection", "close")], _cut_after(self.body))


def text_response(status: str, text: str, *headers: Header) -> Response:
    """A line of plain text."""
    body = f"{text}\n".encode()
    fixed = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))]
    return Response(status, [*fixed, *headers], (body,))


def listing_response(status: str, texts: Iterator[str], *headers: Header) -> Response:
    """An answer made of many small texts: with a Content-Length up to 2 MiB, beyond that streamed as it is made.

    Without a length cheroot sends chunks to HTTP/1.1 clients and closes the connection of older ones.
    """
    pieces = _encoded(texts)
    ready: list[bytes] = []
    for piece in pieces:
        ready.append(piece)
        if len(ready) * _PIECE >= _LENGTH_UP_TO_BYTES:
            return Response(status, list(headers), _continued(ready, pieces))
    return Response(status, [*headers, ("Content-Length", str(sum(map(len, ready))))], ready)


def whole_body(response: Response) -> bytes | None:
    """The body, where it was made before it is sent; None where it is made while it is sent."""
    return b"".join(response.body) if isinstance(response.body, list) else None


def started(pieces: Iterator[bytes], *, count: int = 1) -> Iterator[bytes]:
    """The same pieces, the first `count` made now: what they raise can still become a status."""
    return _continued(list(islice(pieces, count)), pieces)


def _encoded(texts: Iterator[str]) -> Iterator[bytes]:
    batch: list[str] = []
    size = 0
    for text in texts:
        batch.append(text)
        size += len(text)
        if size >= _PIECE:
            yield "".join(batch).encode()
            batch.clear()
            size = 0
    if batch:
        yield "".join(batch).encode()


def _continued(ready: Iterable[bytes], rest: Iterator[bytes]) -> Iterator[bytes]:
    yield from ready
    yield from rest


def _cut_after(body: Iterable[bytes]) -> Iterator[bytes]:
    yield from body
    raise CutConnection("request framing lost")
