"""Answers about directories that never change: rendered once for each way of asking, then kept. For any thread."""

from __future__ import annotations

from collections.abc import Callable

from crfs_dav.dav.propfind import XML_TYPE
from crfs_dav.dav.response import Response, whole_body
from crfs_dav.names import digest_of
from crfs_dav.readers import ByteStore
from crfs_dav.tree.node import Node, is_directory, is_immutable


class Listings:
    """Multistatus answers, in a store or, without one, not kept."""

    def __init__(self, store: ByteStore | None) -> None:
        self._store = store

    def get(self, node: Node, asked: str, render: Callable[[], Response]) -> Response:
        """The answer for `node` to what was `asked` (path and properties), from the store or from `render()`."""
        if self._store is None or not is_directory(node) or not is_immutable(node):
            return render()
        key = f"{digest_of(_identity(node.tree_id, asked))}/propfind"
        kept = self._store.get(key)
        if kept is not None:
            return Response("207 Multi-Status", [XML_TYPE, ("Content-Length", str(len(kept)))], (kept,))
        response = render()
        body = whole_body(response)
        if body is not None:
            self._store.put(key, body)
        return response


def _identity(tree_id: str, asked: str) -> bytes:
    return f"{tree_id}\n{asked}".encode("utf-8", "surrogateescape")
