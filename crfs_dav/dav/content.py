"""GET and HEAD of a file: conditions, single ranges, and a body that is whole or visibly cut (RFC 9110)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from crfs_dav.dav.conditions import Validators, Verdict, judge, range_applies
from crfs_dav.dav.dates import http_date, seconds_of
from crfs_dav.dav.media_types import is_active, media_type
from crfs_dav.dav.ranges import RangeSpec, Span, parse_range
from crfs_dav.dav.request import Request
from crfs_dav.dav.response import Header, Response, started
from crfs_dav.errors import Corrupt
from crfs_dav.readers import ReaderAt
from crfs_dav.tree.node import File

_PIECE = 256 << 10
_SANDBOX = ("Content-Security-Policy", "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:")


class _Part(NamedTuple):
    """What of the file answers a request; `span` is empty where it is nothing."""

    status: str
    headers: list[Header]
    span: Span


def get_file(request: Request, name: str, file: File) -> Response:
    """Answer to a GET. The first bytes are read now, so that what stops them becomes a status."""
    status, headers, span = _choose(request, name, file)
    if span.start == span.end:
        return Response(status, headers)
    return Response(status, headers, started(_pieces(file.open(), span)))


def head_file(request: Request, name: str, file: File) -> Response:
    """Answer to a HEAD: that of a GET without `Range` (RFC 9110 section 14.2), and nothing is opened or read."""
    status, headers, _ = _choose(request, name, file)
    return Response(status, headers)


def etag_of(file: File) -> str:
    """Strong entity tag of the file, in its quotes."""
    return f'"{file.content_id}"'


def _choose(request: Request, name: str, file: File) -> _Part:
    size = file.entry.size
    current = Validators(etag_of(file), seconds_of(file.entry.mtime))
    validators = [("ETag", current.etag), ("Last-Modified", http_date(current.seconds)), ("Accept-Ranges", "bytes")]
    verdict = judge(request, current)
    if verdict is Verdict.NOT_MODIFIED:
        return _Part(verdict.value, validators, Span(0, 0))
    if verdict is Verdict.FAILED:
        return _Part(verdict.value, [*validators, ("Content-Length", "0")], Span(0, 0))
    headers = [*validators, *_type_headers(media_type(name, file))]
    specs = _asked_ranges(request, current)
    if len(specs) != 1:  # several at once may be answered by the whole (RFC 9110 section 14.2)
        return _Part("200 OK", [*headers, ("Content-Length", str(size))], Span(0, size))
    span = specs[0].span(size)
    if span is None:
        nothing = [("Content-Range", f"bytes */{size}"), ("Content-Length", "0")]
        return _Part("416 Range Not Satisfiable", [*validators, *nothing], Span(0, 0))
    part = [("Content-Range", span.content_range(size)), ("Content-Length", str(span.end - span.start))]
    return _Part("206 Partial Content", [*headers, *part], span)


def _asked_ranges(request: Request, current: Validators) -> list[RangeSpec]:
    """Ranges that the request asks for and may have; none where the whole is the answer."""
    header = request.header("RANGE") if request.method == "GET" else None
    if header is None or not range_applies(request.header("IF_RANGE"), current):
        return []
    return parse_range(header) or []


def _type_headers(content_type: str) -> list[Header]:
    headers = [("Content-Type", content_type), ("X-Content-Type-Options", "nosniff")]
    return [*headers, _SANDBOX] if is_active(content_type) else headers


def _pieces(reader: ReaderAt, span: Span) -> Iterator[bytes]:
    offset = span.start
    while offset < span.end:
        size = min(_PIECE, span.end - offset)
        piece = reader.read_at(offset, size)
        if len(piece) != size:  # cheroot would keep the connection open, and the client would wait for the rest
            raise Corrupt(f"content at {offset}: {len(piece)} bytes; expected {size}")
        yield piece
        offset += size
