"""The storage behind a registry: another server, which answers signed URLs and nothing else, as S3 does."""

from __future__ import annotations

import secrets
import threading
import time
from urllib.parse import urlencode

from crfs_dav.demo.api import blob_answer
from crfs_dav.demo.content import Content
from crfs_dav.demo.exchange import Answer, Request
from crfs_dav.names import Digest, parse_digest

STORAGE_PATH = "/storage/"


class Storage:
    """Signatures given out, and blobs for them; for any thread."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self._lock = threading.Lock()
        self._signatures: dict[tuple[str, str], float] = {}  # (path, signature): end of validity

    def signed_path(self, digest: Digest, seconds: float) -> str:
        """Path and query that open the blob of `digest` for so long."""
        signature = secrets.token_hex(8) + "+/="  # comes out right only if nobody quotes it anew
        path = f"{STORAGE_PATH}{digest}"
        with self._lock:
            self._signatures[path, signature] = time.monotonic() + seconds
        return f"{path}?{urlencode({'X-Amz-Expires': int(seconds), 'X-Amz-Signature': signature})}"

    def expire_signatures(self) -> None:
        """From now on no URL given out so far opens anything."""
        with self._lock:
            self._signatures.clear()

    def answer(self, request: Request) -> Answer:
        """The blob; 400 to anyone who sends credentials too, 403 without a valid signature, and to HEAD."""
        if "Authorization" in request.headers:
            return _refuse(400, "InvalidArgument", "Only one auth mechanism allowed")
        with self._lock:
            end = self._signatures.get((request.path, request.asked("X-Amz-Signature")), 0.0)
        if request.method != "GET" or time.monotonic() >= end:
            return _refuse(403, "AccessDenied", "Request has expired")
        digest = parse_digest(request.path.removeprefix(STORAGE_PATH))
        return blob_answer(self._content.blob(digest) or b"", digest, request)


def _refuse(status: int, code: str, message: str) -> Answer:
    body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return Answer(status, {"Content-Type": "application/xml"}, body.encode())
