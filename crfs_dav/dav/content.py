"""GET and HEAD of a file: conditions, ranges, and a body that is whole or visibly cut (RFC 9110)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

from crfs_dav.dav.conditions import Validators, Verdict, judge, range_applies
from crfs_dav.dav.dates import seconds_of
from crfs_dav.dav.media_types import is_active, media_type
from crfs_dav.dav.multipart import PARTS_LIMIT, ByteRanges, coalesced
from crfs_dav.dav.ranges import Span, parse_range
from crfs_dav.dav.request import Request
from crfs_dav.dav.response import Header, Response, started
from crfs_dav.errors import Corrupt
from crfs_dav.readers import ReaderAt, expecting
from crfs_dav.tree.node import File

_PIECE = 256 << 10
# The content behind a tag may change; browsers would keep a file of some years for months without asking.
_ALWAYS_ASK = ("Cache-Control", "max-age=0, must-revalidate")
_SANDBOX = ("Content-Security-Policy", "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:")


class _Part(NamedTuple):
    """What of the file answers a request: one span, empty where it is nothing, or several parts around spans."""

    status: str
    headers: list[Header]
    span: Span = Span(0, 0)
    parts: ByteRanges | None = None


def get_file(request: Request, name: str, file: File) -> Response:
    """Answer to a GET. The first bytes are read now, so that what stops them becomes a status."""
    status, headers, span, parts = _choose(request, name, file)
    if parts is not None:
        pieces = partial(_pieces, file.open())
        return Response(status, headers, started(parts.body(pieces), count=2))
    if span.start == span.end:
        return Response(status, headers)
    body = _pieces(file.open(), span)
    return Response(status, headers, list(body) if span.end - span.start <= _PIECE else started(body))


def head_file(request: Request, name: str, file: File) -> Response:
    """Answer to a HEAD: that of a GET without `Range` (RFC 9110 section 14.2), and nothing is opened or read."""
    part = _choose(request, name, file)
    return Response(part.status, part.headers)


def etag_of(file: File) -> str:
    """Strong entity tag of the file, in its quotes."""
    return f'"{file.content_id}"'


def _choose(request: Request, name: str, file: File) -> _Part:
    size, mtime = file.entry.size, file.entry.mtime
    current = Validators(etag_of(file), None if mtime is None else seconds_of(mtime))
    validators = [*current.headers(), ("Accept-Ranges", "bytes"), _ALWAYS_ASK]
    verdict = judge(request, current)
    if verdict is Verdict.NOT_MODIFIED:
        return _Part(verdict.value, validators)
    if verdict is Verdict.FAILED:
        return _Part(verdict.value, [*validators, ("Content-Length", "0")])
    content_type = media_type(name, file)
    spans = _asked_spans(request, current, size)
    if spans is None or len(spans) > PARTS_LIMIT:  # many may be answered by the whole (RFC 9110 section 14.2)
        headers = [*validators, *_type_headers(content_type), ("Content-Length", str(size))]
        return _Part("200 OK", headers, Span(0, size))
    if not spans:
        nothing = [("Content-Range", f"bytes */{size}"), ("Content-Length", "0")]
        return _Part("416 Range Not Satisfiable", [*validators, *nothing])
    if len(spans) == 1:
        return _single(validators, content_type, spans[0], size)
    parts = ByteRanges(spans, size, content_type)
    length = ("Content-Length", str(parts.content_length))
    return _Part("206 Partial Content", [*validators, *_type_headers(parts.content_type), length], parts=parts)


def _single(validators: Sequence[Header], content_type: str, span: Span, size: int) -> _Part:
    place = [("Content-Range", span.content_range(size)), ("Content-Length", str(span.end - span.start))]
    return _Part("206 Partial Content", [*validators, *_type_headers(content_type), *place], span)


def _asked_spans(request: Request, current: Validators, size: int) -> list[Span] | None:
    """Bytes that the request asks for and may have, disjoint; None where the whole is the answer."""
    header = request.header("RANGE") if request.method == "GET" else None
    if header is None or not range_applies(request.header("IF_RANGE"), current):
        return None
    specs = parse_range(header)
    return None if specs is None else coalesced(span for spec in specs if (span := spec.span(size)))


def _type_headers(content_type: str) -> list[Header]:
    headers = [("Content-Type", content_type), ("X-Content-Type-Options", "nosniff")]
    return [*headers, _SANDBOX] if is_active(content_type) else headers


def _pieces(reader: ReaderAt, span: Span) -> Iterator[bytes]:
    reader, offset = expecting(reader, span.end), span.start
    while offset < span.end:
        size = min(_PIECE, span.end - offset)
        piece = reader.read_at(offset, size)
        if len(piece) != size:  # cheroot would keep the connection open, and the client would wait for the rest
            raise Corrupt(f"content at {offset}: {len(piece)} bytes; expected {size}")
        yield piece
        offset += size
