"""`DemoRegistry`: a registry inside the process, on 127.0.0.1, that records what it is asked; read-only unless told.

It serves the sample image of `crfs-dav serve --demo`, and the tests, for which it also misbehaves.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import threading
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from crfs_dav.demo.api import answer
from crfs_dav.demo.content import Content, StoredManifest
from crfs_dav.demo.dialect import Dialect, Serve, speak
from crfs_dav.demo.exchange import NO_ANSWER, Answer, Request
from crfs_dav.demo.faults import Faults, refusal, spoil
from crfs_dav.demo.listener import Listener
from crfs_dav.demo.listings import answer_own_listing
from crfs_dav.demo.login import TOKEN_PATH, Login
from crfs_dav.demo.storage import Storage
from crfs_dav.demo.uploads import Uploads, Writing
from crfs_dav.formats.zstdframe import MAGIC as ZSTD_MAGIC
from crfs_dav.formats.zstdframe import decode
from crfs_dav.names import Digest, parse_digest
from crfs_dav.oci import OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_LAYER_GZIP, OCI_MANIFEST, Platform

Layer = tuple[bytes, Mapping[str, str]]  # blob and annotations


class DemoRegistry:
    """A registry that listens from its making on until `close`; a context manager. For any thread.

    `dialect`, `writing` and `faults` may be changed, and replaced, at any time.
    """

    def __init__(self, *, port: int = 0, dialect: Dialect | None = None, writing: Writing | None = None) -> None:
        self.dialect = dialect or Dialect()
        self.writing = writing  # None: read-only
        self.faults = Faults()
        self._content = Content()
        self._uploads = Uploads(self._content)
        self._login = Login()
        self._storage = Storage(self._content)
        self._requests: list[Request] = []
        self._lock = threading.Lock()
        self._storage_listener: Listener | None = None
        self._listener = Listener(partial(self._serve, self._answer), port=port)

    def __enter__(self) -> DemoRegistry:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening and cut every connection, also one that is being answered."""
        self._listener.close()
        if self._storage_listener is not None:
            self._storage_listener.close()

    @property
    def host(self) -> str:
        """`127.0.0.1:<port>`: the registry's name in references."""
        return self._listener.host

    @property
    def url(self) -> str:
        """`http://127.0.0.1:<port>`."""
        return f"http://{self.host}"

    @property
    def requests(self) -> list[Request]:
        """All requests since the last `clear_requests`, in order of arrival."""
        with self._lock:
            return list(self._requests)

    @property
    def open_uploads(self) -> int:
        """Uploads that were begun, and neither finished nor cancelled."""
        return self._uploads.open_count

    def clear_requests(self) -> None:
        """Forget the requests so far."""
        with self._lock:
            self._requests.clear()

    def add_blob(self, data: bytes) -> Digest:
        """Digest under which `data` is now served, in every repository."""
        return self._content.add_blob(data)

    def add_manifest(self, repository: str, tag: str | None, document: Any, media_type: str) -> Digest:
        """Digest under which `document` (bytes as they are, or a JSON value) is now served, and by `tag` too."""
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        digest = self._content.add_manifest(repository, StoredManifest(data, media_type))
        if tag is not None:
            self._content.set_tag(repository, tag, digest)
        return digest

    def add_image(
        self, repository: str, tag: str | None, layers: Sequence[Layer], *, config: Mapping[str, Any] | None = None
    ) -> Digest:
        """Digest of a new image of `layers`, base first; `config` may lack its rootfs, which is then worked out."""
        values = {"os": "linux", "architecture": "amd64", **(config or {})}
        if "rootfs" not in values:
            values["rootfs"] = {"type": "layers", "diff_ids": [_diff_id(blob) for blob, _ in layers]}
        document = json.dumps(values).encode()
        manifest = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": self._add_described(repository, document, OCI_CONFIG),
            "layers": [
                self._add_described(repository, blob, _layer_type(blob))
                | ({"annotations": dict(notes)} if notes else {})
                for blob, notes in layers
            ],
        }
        return self.add_manifest(repository, tag, manifest, OCI_MANIFEST)

    def add_index(self, repository: str, tag: str | None, images: Mapping[Platform, Digest]) -> Digest:
        """Digest of a new index of images that `repository` has already."""
        entries = [self._index_entry(repository, platform, digest) for platform, digest in images.items()]
        index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
        return self.add_manifest(repository, tag, index, OCI_INDEX)

    def retag(self, repository: str, tag: str, digest: Digest) -> None:
        """Point `tag` at another manifest."""
        self._content.set_tag(repository, tag, digest)

    def remove_tag(self, repository: str, tag: str) -> None:
        """Take `tag` away; its manifest stays."""
        self._content.set_tag(repository, tag, None)

    def expire_tokens(self) -> None:
        """From now on no token given out so far opens anything."""
        self._login.expire_tokens()

    def expire_signatures(self) -> None:
        """From now on no signed URL given out so far opens anything."""
        self._storage.expire_signatures()

    def _serve(self, serve: Serve, request: Request) -> Answer:
        """The answer of `serve`, recorded, delayed and spoiled."""
        with self._lock:
            self._requests.append(request)
        faults = self.faults
        if faults.delay_seconds and self._listener.closing.wait(faults.delay_seconds):
            return NO_ANSWER
        return refusal(faults, request) or spoil(faults, request, serve)

    def _answer(self, request: Request) -> Answer:
        if request.path == TOKEN_PATH:
            return self._login.give_token(self.dialect, request)
        return self._login.check(self.dialect, request) or speak(self.dialect, request, self._redirected)

    def _redirected(self, request: Request) -> Answer:
        own = answer_own_listing(self.dialect.listing, self._content, request)
        found = own or self._written(request) or answer(self._content, request)
        if not self.dialect.redirects_blobs or "/blobs/" not in request.path or found.status not in (200, 206):
            return found
        digest = parse_digest(found.headers["Docker-Content-Digest"])
        path = self._storage.signed_path(digest, self.dialect.signature_seconds)
        return Answer(307, {"Location": f"http://{self._storage_host()}{path}"})

    def _written(self, request: Request) -> Answer | None:
        return None if self.writing is None else self._uploads.answer(self.writing, request)

    def _storage_host(self) -> str:
        """`127.0.0.1:<port>` of the storage, which is started when it is first needed."""
        with self._lock:
            if self._storage_listener is None:
                self._storage_listener = Listener(partial(self._serve, self._storage.answer))
            return self._storage_listener.host

    def _add_described(self, repository: str, data: bytes, media_type: str) -> dict[str, Any]:
        digest = self._content.add_blob(data, repository)
        return {"mediaType": media_type, "digest": str(digest), "size": len(data)}

    def _index_entry(self, repository: str, platform: Platform, digest: Digest) -> dict[str, Any]:
        manifest = self._content.manifest(repository, digest)
        if manifest is None:
            raise KeyError(f"image: {digest}; expected one that {repository} holds")
        spelled = {"os": platform.os, "architecture": platform.architecture, "variant": platform.variant}
        return {
            "mediaType": manifest.media_type,
            "digest": str(digest),
            "size": len(manifest.document),
            "platform": {key: value for key, value in spelled.items() if value},
        }


def _layer_type(blob: bytes) -> str:
    if blob.startswith(ZSTD_MAGIC):
        return f"{OCI_LAYER}+zstd"
    return OCI_LAYER if blob[257:262] == b"ustar" else OCI_LAYER_GZIP


def _diff_id(blob: bytes) -> str:
    tar = blob
    if blob.startswith(b"\x1f\x8b"):
        tar = gzip.decompress(blob)
    elif blob.startswith(ZSTD_MAGIC):
        tar = b"".join(decode([blob]))
    return f"sha256:{hashlib.sha256(tar).hexdigest()}"
