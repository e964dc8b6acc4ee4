"""How the demo registry breaks: switches that spoil answers, a counted number of times or always.

`registry.faults.short_body = 2` spoils the next two answers that it can spoil; `= ALWAYS` spoils all of them.
"""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from crfs_dav.demo.exchange import NO_ANSWER, Answer, Request, refuse, with_header
from crfs_dav.names import digest_of

ALWAYS = math.inf


@dataclass
class Faults:
    """Each count is of answers still to be spoiled; what they need to know stands below the counts."""

    # instead of an answer
    denied: float = 0  # 403
    unauthorized: float = 0  # 401 without a challenge
    throttled: float = 0  # 429 and Retry-After
    broken: float = 0  # 503, or `broken_status`
    refused_digest: float = 0  # 400: what was uploaded has not the digest
    hung_up: float = 0  # the connection ends before the answer
    # of what is sent to the registry
    cut_upload: float = 0  # the connection ends after `cut_at` bytes of a body, which are taken
    lost_answer: float = 0  # all is done, and the connection ends before the answer
    # of a blob's answer, also after a redirect
    ignored_range: float = 0  # 200 and the whole
    wrong_content_range: float = 0  # 206 that tells of the range after the one it gives
    short_body: float = 0  # the connection ends after `cut_at` bytes of the body
    stalled_body: float = 0  # after them nothing comes, until the server closes
    long_body: float = 0  # 16 bytes more than asked
    flipped_bit: float = 0  # a bit of byte `flip_at` of the blob, or of the middle of the body, is wrong
    # of a manifest's answer
    wrong_manifest: float = 0  # a document that has not the digest
    wrong_digest_header: float = 0  # Docker-Content-Digest of something else

    path_contains: str = ""  # only such requests are spoiled
    method: str = ""  # only these; empty: all
    delay_seconds: float = 0  # before each answer
    retry_after: str = "1"  # seconds, or an HTTP date
    broken_status: int = 503
    cut_at: int = 10  # bytes
    flip_at: int | None = None  # bytes of the blob; an answer without that byte is not spoiled
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def take(self, name: str) -> bool:
        """True if the fault called `name` is to happen now; counts it."""
        with self._lock:
            count: float = getattr(self, name)
            if count > 0:
                setattr(self, name, count - 1)
            return count > 0


def refusal(faults: Faults, request: Request) -> Answer | None:
    """An answer instead of the right one, None where none is due."""
    if not _is_due(faults, request):
        return None
    return next((make(faults) for name, make in _REFUSALS.items() if faults.take(name)), None)


def spoil(faults: Faults, request: Request, serve: Callable[[Request], Answer]) -> Answer:
    """The answer of `serve`, with the faults that are due."""
    if _is_due(faults, request) and len(request.body) > faults.cut_at and faults.take("cut_upload"):
        serve(replace(request, body=request.body[: faults.cut_at]))
        return NO_ANSWER
    answer = serve(request)
    if _is_due(faults, request) and faults.take("lost_answer"):
        return NO_ANSWER
    if answer.status not in (200, 206) or not _is_due(faults, request):
        return answer
    if answer.status == 206 and faults.take("ignored_range"):
        answer = serve(replace(request, range=None))
    for name, (applies, change) in _SPOILS.items():
        if applies(faults, request, answer) and faults.take(name):
            answer = change(faults, answer)
    return answer


def _is_due(faults: Faults, request: Request) -> bool:
    return faults.path_contains in request.path and faults.method in ("", request.method)


def _is_blob(request: Request) -> bool:
    return "/blobs/" in request.path or request.path.startswith("/storage/")


def _has_body(faults: Faults, request: Request, answer: Answer) -> bool:
    return request.method == "GET" and _is_blob(request) and answer.body != b""


def _has_range(faults: Faults, request: Request, answer: Answer) -> bool:
    return answer.status == 206 and _has_body(faults, request, answer)


def _has_flip(faults: Faults, request: Request, answer: Answer) -> bool:
    return _has_body(faults, request, answer) and 0 <= _flipped(faults, answer) < len(answer.body)


def _is_manifest(faults: Faults, request: Request, answer: Answer) -> bool:
    return "/manifests/" in request.path


def _is_document(faults: Faults, request: Request, answer: Answer) -> bool:
    return "/manifests/" in request.path and request.method == "GET"


def _move_range(faults: Faults, answer: Answer) -> Answer:
    start, end, total = _content_range(answer)
    moved = f"bytes {end}-{end + end - start - 1}/{total}"
    return replace(answer, headers={**answer.headers, "Content-Range": moved})


def _flip(faults: Faults, answer: Answer) -> Answer:
    body = bytearray(answer.body)
    body[_flipped(faults, answer)] ^= 1
    return replace(answer, body=bytes(body))


def _flipped(faults: Faults, answer: Answer) -> int:
    """Offset in the body of the byte that is to be wrong."""
    if faults.flip_at is None:
        return len(answer.body) // 2
    return faults.flip_at - (_content_range(answer)[0] if answer.status == 206 else 0)


def _content_range(answer: Answer) -> tuple[int, int, int]:
    """Start, end and the whole's size, of a 206."""
    first, last, total = re.findall("[0-9]+", answer.headers["Content-Range"])
    return int(first), int(last) + 1, int(total)


def _wrong_digest(faults: Faults, answer: Answer) -> Answer:
    return replace(answer, headers={**answer.headers, "Docker-Content-Digest": str(digest_of(b"something else"))})


_Applies = Callable[[Faults, Request, Answer], bool]
_Change = Callable[[Faults, Answer], Answer]

_REFUSALS: dict[str, Callable[[Faults], Answer]] = {
    "hung_up": lambda faults: NO_ANSWER,
    "denied": lambda faults: refuse(403, "DENIED", "requested access to the resource is denied"),
    "unauthorized": lambda faults: refuse(401, "UNAUTHORIZED", "authentication required"),
    "throttled": lambda faults: with_header(
        refuse(429, "TOOMANYREQUESTS", "too many requests"), "Retry-After", faults.retry_after
    ),
    "refused_digest": lambda faults: refuse(400, "DIGEST_INVALID", "provided digest did not match uploaded content"),
    "broken": lambda faults: refuse(faults.broken_status, "UNKNOWN", "something broke"),
}

_SPOILS: dict[str, tuple[_Applies, _Change]] = {
    "wrong_content_range": (_has_range, _move_range),
    "flipped_bit": (_has_flip, _flip),
    "long_body": (_has_body, lambda faults, answer: replace(answer, body=answer.body + bytes(16))),
    "short_body": (_has_body, lambda faults, answer: replace(answer, cut_at=faults.cut_at)),
    "stalled_body": (_has_body, lambda faults, answer: replace(answer, cut_at=faults.cut_at, silent=True)),
    "wrong_manifest": (_is_document, lambda faults, answer: replace(answer, body=answer.body + b"\n")),
    "wrong_digest_header": (_is_manifest, _wrong_digest),
}
