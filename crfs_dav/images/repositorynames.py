"""Repository names as a tree of components."""

from __future__ import annotations

from collections.abc import Iterable


class RepositoryNames:
    """Names, and all that leads to them; `""` is the root. Grows only."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._next: dict[str, set[str]] = {}
        for name in names:
            self.add(name)

    def add(self, name: str) -> None:
        """Enter `name` and all that leads to it."""
        prefix = ""
        for component in name.split("/"):
            self._next.setdefault(prefix, set()).add(component)
            prefix = f"{prefix}/{component}" if prefix else component

    def __contains__(self, name: object) -> bool:
        parent, _, component = str(name).rpartition("/")
        return component in self._next.get(parent, ())

    def next_components(self, prefix: str) -> frozenset[str]:
        """Components that follow `prefix` in some name."""
        return frozenset(self._next.get(prefix, ()))
