"""The write half of the OCI distribution API: blobs uploaded and mounted, manifests put; a function of requests.

Specification: OCI distribution-spec v1.1 (`spec.md`, "Push"). Where it leaves a choice, distribution v3's is taken.
"""

from __future__ import annotations

import json
import re
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from crfs_dav.demo.content import Content, StoredManifest
from crfs_dav.demo.exchange import Answer, Request, refuse
from crfs_dav.errors import BadName
from crfs_dav.names import Digest, digest_of, is_tag, parse_digest

WRITES = frozenset({"POST", "PATCH", "PUT", "DELETE"})
_MANIFEST_LIMIT = 4 << 20  # bytes, as distribution's


@dataclass(frozen=True, slots=True)
class Writing:
    """A registry's habits in taking what is pushed; the defaults are those of the distribution specification."""

    mounts: bool = True  # False: an upload begins instead (registries of one namespace each)
    absolute_locations: bool = False  # True: URLs of uploads have scheme and host (distribution)
    smallest_chunk: int = 0  # bytes: OCI-Chunk-Min-Length
    largest_body: int | None = None  # bytes: 413 for more (a proxy in front)
    largest_chunk: int | None = None  # bytes: 416 for more (GHCR: 4 MiB)
    keeps_broken_uploads: bool = True  # False: a connection that breaks ends its upload (Azure)
    tells_progress: bool = True  # False: Range says the same after each chunk (ECR)


@dataclass(slots=True)
class _Upload:
    """What came so far. `state` is in each Location, and only the last one given out is good for writing."""

    repository: str
    data: bytearray = field(default_factory=bytearray)
    state: str = ""


class Uploads:
    """Uploads under way to `content`; for any thread, each upload for one at a time."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self._lock = threading.Lock()
        self._uploads: dict[str, _Upload] = {}

    @property
    def open_count(self) -> int:
        """Uploads that were begun, and neither finished nor cancelled."""
        return len(self._uploads)

    def answer(self, writing: Writing, request: Request) -> Answer | None:
        """What a registry with these habits answers; None to what is no writing."""
        if writing.largest_body is not None and len(request.body) > writing.largest_body:
            return Answer(413, {"Content-Type": "text/html"}, b"<html>413 Request Entity Too Large</html>")
        for methods, pattern, serve in _ROUTES:
            match = pattern.fullmatch(request.path)
            if match is not None and request.method in methods:
                return serve(self, writing, request, *match.groups())
        return refuse(405, "UNSUPPORTED", f"{request.method} {request.path}") if request.method in WRITES else None

    def _begin(self, writing: Writing, request: Request, repository: str) -> Answer:
        digest, source = _digest(request.asked("mount")), request.asked("from")
        data = self._content.blob(digest, source) if digest and source and writing.mounts else None
        if digest is not None and data is not None:
            self._content.add_blob(data, repository)
            return _created(f"/v2/{repository}/blobs/{digest}", digest)
        upload_id = secrets.token_hex(8)
        with self._lock:
            self._uploads[upload_id] = _Upload(repository)
        answer = self._progress(writing, request, upload_id, 202)
        smallest = {"OCI-Chunk-Min-Length": str(writing.smallest_chunk)} if writing.smallest_chunk else {}
        return Answer(answer.status, {**answer.headers, **smallest})

    def _status(self, writing: Writing, request: Request, repository: str, upload_id: str) -> Answer:
        if upload_id not in self._uploads:
            return _unknown_upload(upload_id)
        return self._progress(writing, request, upload_id, 204)

    def _append(self, writing: Writing, request: Request, repository: str, upload_id: str) -> Answer:
        upload = self._uploads.get(upload_id)
        if upload is None or upload.state != request.asked("_state"):
            return _unknown_upload(upload_id)
        start = request.headers.get("Content-Range", "").partition("-")[0]
        too_big = writing.largest_chunk is not None and len(request.body) > writing.largest_chunk
        if too_big or (start and start != str(len(upload.data))):
            return self._progress(writing, request, upload_id, 416)
        if not self._take(writing, request, upload_id):
            return refuse(400, "BLOB_UPLOAD_INVALID", "the connection broke")
        return self._progress(writing, request, upload_id, 202)

    def _finish(self, writing: Writing, request: Request, repository: str, upload_id: str) -> Answer:
        upload, digest = self._uploads.get(upload_id), _digest(request.asked("digest"))
        if upload is None or upload.state != request.asked("_state"):
            return _unknown_upload(upload_id)
        if not self._take(writing, request, upload_id):
            return refuse(400, "BLOB_UPLOAD_INVALID", "the connection broke")
        if digest is None or not digest.matches(bytes(upload.data)):
            return refuse(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
        self._content.add_blob(bytes(upload.data), repository)
        self._drop(upload_id)
        return _created(f"/v2/{repository}/blobs/{digest}", digest)

    def _cancel(self, writing: Writing, request: Request, repository: str, upload_id: str) -> Answer:
        return Answer(204) if self._drop(upload_id) else _unknown_upload(upload_id)

    def _put_manifest(self, writing: Writing, request: Request, repository: str, identifier: str) -> Answer:
        document = request.body
        digest = digest_of(document)
        if len(document) > _MANIFEST_LIMIT:
            return refuse(413, "SIZE_INVALID", f"manifest of {len(document)} bytes")
        if ":" in identifier and identifier != str(digest):
            return refuse(400, "DIGEST_INVALID", f"manifest has the digest {digest}")
        if ":" not in identifier and not is_tag(identifier):
            return refuse(400, "TAG_INVALID", f"no tag: {identifier}")
        missing = self._missing(repository, document)
        if missing:
            return refuse(400, "MANIFEST_BLOB_UNKNOWN", f"blob unknown to registry: {missing}")
        self._content.add_manifest(repository, StoredManifest(document, request.headers.get("Content-Type", "")))
        if ":" not in identifier:
            self._content.set_tag(repository, identifier, digest)
        return _created(f"/v2/{repository}/manifests/{digest}", digest)

    def _take(self, writing: Writing, request: Request, upload_id: str) -> bool:
        """False if less came than was told; what came is kept, if that is the registry's habit."""
        data = request.body
        self._uploads[upload_id].data += data
        is_whole = len(data) == int(request.headers.get("Content-Length", "0"))
        if not is_whole and not writing.keeps_broken_uploads:
            self._drop(upload_id)
        return is_whole

    def _progress(self, writing: Writing, request: Request, upload_id: str, status: int) -> Answer:
        upload = self._uploads[upload_id]
        upload.state = secrets.token_urlsafe(6)
        path = f"/v2/{upload.repository}/blobs/uploads/{upload_id}?_state={upload.state}"
        host = f"http://{request.headers['Host']}" if writing.absolute_locations else ""
        last = max(0, len(upload.data) - 1) if writing.tells_progress else 0
        return Answer(status, {"Location": host + path, "Range": f"0-{last}", "Docker-Upload-UUID": upload_id})

    def _drop(self, upload_id: str) -> bool:
        with self._lock:
            return self._uploads.pop(upload_id, None) is not None

    def _missing(self, repository: str, document: bytes) -> str:
        """What the manifest names first that the repository does not hold; empty if it holds all."""
        body = json.loads(document)
        blobs = [body["config"], *body["layers"]] if "layers" in body else []
        for descriptor in blobs:
            if self._content.blob(parse_digest(descriptor["digest"]), repository) is None:
                return str(descriptor["digest"])
        for descriptor in body.get("manifests", ()):
            if self._content.manifest(repository, parse_digest(descriptor["digest"])) is None:
                return str(descriptor["digest"])
        return ""


_UPLOADS = re.compile("/v2/(.+)/blobs/uploads/")
_UPLOAD = re.compile("/v2/(.+)/blobs/uploads/([^/]+)")
_ROUTES: tuple[tuple[tuple[str, ...], re.Pattern[str], Callable[..., Answer]], ...] = (
    (("POST",), _UPLOADS, Uploads._begin),
    (("GET",), _UPLOAD, Uploads._status),
    (("PATCH",), _UPLOAD, Uploads._append),
    (("PUT",), _UPLOAD, Uploads._finish),
    (("DELETE",), _UPLOAD, Uploads._cancel),
    (("PUT",), re.compile("/v2/(.+)/manifests/([^/]+)"), Uploads._put_manifest),
)


def _created(path: str, digest: Digest) -> Answer:
    return Answer(201, {"Location": path, "Docker-Content-Digest": str(digest)})


def _unknown_upload(upload_id: str) -> Answer:
    return refuse(404, "BLOB_UPLOAD_UNKNOWN", f"blob upload unknown to registry: {upload_id}")


def _digest(text: Any) -> Digest | None:
    try:
        return parse_digest(text)
    except BadName:
        return None
