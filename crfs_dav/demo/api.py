"""The read half of the OCI distribution API, as a function from request to answer.

Specification: OCI distribution-spec v1.1 (`spec.md`, "Pull" and "Content Discovery"); `_catalog`: distribution's
`docs/content/spec/api.md`. Where the texts leave a choice, distribution v3's is taken.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from urllib.parse import quote

from crfs_dav.demo.content import Content, StoredManifest
from crfs_dav.demo.exchange import Answer, Request, json_answer, part, refuse, whole
from crfs_dav.errors import BadName
from crfs_dav.names import Digest, parse_digest
from crfs_dav.oci import DOCKER_INDEX, OCI_INDEX, OCI_MANIFEST

_PAGE_LIMIT = 1000  # distribution's catalog.maxentries
_PAGE_SIZE = 100


def answer(content: Content, request: Request) -> Answer:
    """What a faithful registry that holds `content` answers."""
    if request.method not in ("GET", "HEAD"):
        return refuse(405, "UNSUPPORTED", f"{request.method}: this registry is read-only")
    for pattern, serve in _ROUTES:
        match = pattern.fullmatch(request.path)
        if match is not None:
            return serve(content, request, *match.groups())
    return refuse(404, "UNSUPPORTED", f"no such endpoint: {request.path}")


def _ping(content: Content, request: Request) -> Answer:
    return json_answer({}, {"Docker-Distribution-Api-Version": "registry/2.0"})


def _catalog(content: Content, request: Request) -> Answer:
    if not _is_page_size(request.asked("n") or "1", _PAGE_LIMIT):
        return refuse(400, "PAGINATION_NUMBER_INVALID", f"n: {request.asked('n')}; expected 1 to {_PAGE_LIMIT}")
    names, headers = _page(content.repositories(), request)
    return json_answer({"repositories": names}, headers)


def _tags(content: Content, request: Request, repository: str) -> Answer:
    tags = content.tags(repository)
    if tags is None:
        return _name_unknown(repository)
    page, headers = _page(tags, request)
    return json_answer({"name": repository, "tags": page}, headers)


def _manifest(content: Content, request: Request, repository: str, identifier: str) -> Answer:
    if content.tags(repository) is None:
        return _name_unknown(repository)
    digest = _digest(identifier) or content.tagged(repository, identifier)
    manifest = content.manifest(repository, digest) if digest else None
    if digest is None or manifest is None:
        return refuse(404, "MANIFEST_UNKNOWN", f"manifest unknown: {identifier}")
    accepted = _accepted(request)
    if manifest.media_type in (OCI_MANIFEST, OCI_INDEX) and manifest.media_type not in accepted:
        return refuse(404, "MANIFEST_UNKNOWN", f"{manifest.media_type} found, but the Accept header does not name it")
    if manifest.media_type == DOCKER_INDEX and DOCKER_INDEX not in accepted and ":" not in identifier:
        return _manifest(content, request, repository, _linux_amd64(manifest))
    headers = {"Content-Type": manifest.media_type, **_content_headers(digest)}
    return _not_modified(request, digest) or whole(manifest.document, headers)


def _blob(content: Content, request: Request, repository: str, identifier: str) -> Answer:
    digest = _digest(identifier)
    if digest is None:
        return refuse(400, "DIGEST_INVALID", f"no digest: {identifier}")
    data = content.blob(digest, repository)
    if data is None and content.tags(repository) is None:
        return _name_unknown(repository)
    if data is None:
        return refuse(404, "BLOB_UNKNOWN", f"blob unknown: {digest}")
    return _not_modified(request, digest) or blob_answer(data, digest, request)


def blob_answer(data: bytes, digest: Digest, request: Request) -> Answer:
    """A blob, or the range of it that `request` asks for."""
    headers = {"Content-Type": "application/octet-stream", "Accept-Ranges": "bytes", **_content_headers(digest)}
    return whole(data, headers) if request.range is None else part(data, headers, request.range)


_ROUTES: tuple[tuple[re.Pattern[str], Callable[..., Answer]], ...] = (
    (re.compile("/v2/?"), _ping),
    (re.compile("/v2/_catalog"), _catalog),
    (re.compile("/v2/(.+)/tags/list"), _tags),
    (re.compile("/v2/(.+)/manifests/([^/]+)"), _manifest),
    (re.compile("/v2/(.+)/blobs/([^/]+)"), _blob),
)


def _page(names: list[str], request: Request) -> tuple[list[str], dict[str, str]]:
    """Names after `last`, at most `n` of them, and the Link to the next page where there is one."""
    asked = request.asked("n")
    size = min(int(asked), _PAGE_LIMIT) if _is_page_size(asked, 10**9) else _PAGE_SIZE
    rest = [name for name in names if name > request.asked("last")]
    if len(rest) <= size:
        return rest, {}
    page = rest[:size]
    return page, {"Link": f'<{request.path}?last={quote(page[-1], safe="")}&n={size}>; rel="next"'}


def _is_page_size(text: str, limit: int) -> bool:
    return re.fullmatch("[0-9]{1,9}", text) is not None and 0 < int(text) <= limit


def _accepted(request: Request) -> set[str]:
    """Media types that the client names; distribution knows neither `*/*` nor q values."""
    values = ",".join(request.headers.get_all("Accept", [])).split(",")
    return {value.partition(";")[0].strip() for value in values}


def _linux_amd64(index: StoredManifest) -> str:
    for entry in json.loads(index.document)["manifests"]:
        if (entry["platform"]["os"], entry["platform"]["architecture"]) == ("linux", "amd64"):
            return str(entry["digest"])
    return "linux-amd64-is-missing"


def _content_headers(digest: Digest) -> dict[str, str]:
    return {"Docker-Content-Digest": str(digest), "ETag": f'"{digest}"'}


def _not_modified(request: Request, digest: Digest) -> Answer | None:
    known = [tag.strip().strip('"') for tag in request.headers.get("If-None-Match", "").split(",")]
    return Answer(304, _content_headers(digest)) if str(digest) in known else None


def _digest(identifier: str) -> Digest | None:
    try:
        return parse_digest(identifier)
    except BadName:
        return None


def _name_unknown(repository: str) -> Answer:
    return refuse(404, "NAME_UNKNOWN", f"repository name not known to registry: {repository}")
