"""How a conversion is followed: bars on a terminal, lines in a log, JSON for programs, or nothing.

Each is told events from several threads, and shows them on standard error, JSON on standard output.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, TextIO

from crfs_dav.convert.events import (
    DocumentSent,
    Event,
    LayerDone,
    LayerRead,
    LayerSent,
    LayerStarted,
    LayerWritten,
    OnProgress,
    Planned,
    SpaceNeeded,
    ignore,
)
from crfs_dav.names import Digest
from crfs_dav.oci import Descriptor

_LINE_SECONDS = 10.0  # between two lines about one layer
_JSON_SECONDS = 0.5
_NAMES: dict[type, str] = {
    Planned: "planned",
    SpaceNeeded: "space-needed",
    LayerStarted: "layer-started",
    LayerRead: "layer-read",
    LayerWritten: "layer-written",
    LayerSent: "layer-sent",
    LayerDone: "layer-done",
    DocumentSent: "document-sent",
}


def follow(*, quiet: bool, as_json: bool) -> AbstractContextManager[OnProgress]:
    """The way that fits the options and where the output goes."""
    if as_json:
        return nullcontext(JsonLines(sys.stdout))
    if quiet:
        return nullcontext(ignore)
    if sys.stderr.isatty():
        try:
            return bars()
        except ImportError:  # an extra
            pass
    return nullcontext(Lines(sys.stderr))


def size_text(size: float) -> str:
    """A size in bytes for people, in powers of 1000."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 999.5:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 99.95 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def short(digest: Digest) -> str:
    """As much of a digest as people compare."""
    return f"{digest.algorithm}:{digest.hex[:12]}"


class Lines:
    """A line when a layer begins, when it is done, and every ten seconds between."""

    def __init__(self, out: TextIO, now: Callable[[], float] = time.monotonic) -> None:
        self._out = out
        self._now = now
        self._lock = threading.Lock()
        self._places: dict[Digest, str] = {}
        self._told: dict[Digest, float] = {}

    def __call__(self, event: Event) -> None:
        """Say it, if it is worth a line."""
        with self._lock:
            text = self._text(event)
            if text:
                print(text, file=self._out, flush=True)

    def _text(self, event: Event) -> str:
        if isinstance(event, Planned):
            count = len(event.layers)
            self._places = {layer.digest: f"layer {n} of {count}" for n, layer in enumerate(event.layers, 1)}
            return f"{count} layers, {size_text(sum(layer.size for layer in event.layers))}"
        if isinstance(event, SpaceNeeded):
            return f"up to {size_text(event.size)} will be taken in {event.folder}"
        if isinstance(event, DocumentSent):
            return ""
        digest = event.layer.digest
        what = self._places.get(digest, "layer") + (f" ({short(digest)})" if digest.hex else "")
        if isinstance(event, LayerStarted):
            self._told[digest] = self._now()
            return f"{what}: {size_text(event.layer.size)}"
        if isinstance(event, LayerDone):
            return f"{what}: {done_text(event)}"
        if self._now() - self._told.get(digest, 0.0) < _LINE_SECONDS:
            return ""
        self._told[digest] = self._now()
        return f"{what}: {_way_text(event)}"


def done_text(event: LayerDone) -> str:
    """What became of a layer."""
    result = f"{short(event.result.digest)}, {size_text(event.result.size)}"
    return f"{event.fate.value}, {result}" + (", was there already" if event.was_there else "")


def _way_text(event: LayerRead | LayerWritten | LayerSent) -> str:
    if isinstance(event, LayerSent):
        return f"{size_text(event.size)} of {size_text(event.total)} sent"
    if isinstance(event, LayerRead):
        return f"{size_text(event.size)} of {size_text(event.layer.size)} read"
    return f"{size_text(event.size)} written"


class JsonLines:
    """One JSON object a line; of how a layer gets on, two a second and kind at most."""

    def __init__(self, out: TextIO, now: Callable[[], float] = time.monotonic) -> None:
        self._out = out
        self._now = now
        self._lock = threading.Lock()
        self._told: dict[tuple[type, Digest], float] = {}

    def __call__(self, event: Event) -> None:
        """Write it, unless one like it was just written."""
        with self._lock:
            if isinstance(event, LayerRead | LayerWritten | LayerSent) and self._is_too_soon(event):
                return
            print(json.dumps({"event": _NAMES[type(event)], **_values(event)}), file=self._out, flush=True)

    def _is_too_soon(self, event: LayerRead | LayerWritten | LayerSent) -> bool:
        key, now = (type(event), event.layer.digest), self._now()
        if now - self._told.get(key, -_JSON_SECONDS) < _JSON_SECONDS:
            return True
        self._told[key] = now
        return False


def descriptor_values(descriptor: Descriptor) -> dict[str, Any]:
    """A descriptor as in a manifest."""
    values = {"mediaType": descriptor.media_type, "digest": str(descriptor.digest), "size": descriptor.size}
    return values | ({"annotations": dict(descriptor.annotations)} if descriptor.annotations else {})


def _values(event: Event) -> dict[str, Any]:
    if isinstance(event, Planned):
        return {"layers": [descriptor_values(layer) for layer in event.layers]}
    if isinstance(event, SpaceNeeded):
        return {"folder": str(event.folder), "size": event.size}
    if isinstance(event, DocumentSent):
        return {"document": str(event.document.digest), "size": event.size}
    values: dict[str, Any] = {"layer": str(event.layer.digest)}
    if isinstance(event, LayerRead | LayerWritten | LayerSent):
        values["size"] = event.size
    if isinstance(event, LayerSent):
        values["total"] = event.total
    if isinstance(event, LayerDone):
        fate = {"fate": event.fate.name.lower(), "wasThere": event.was_there}
        values |= {"result": descriptor_values(event.result), **fate}
    return values


@contextmanager
def bars() -> Iterator[OnProgress]:
    """A bar for each layer under way: read and written, then sent; rate and time left. Raises ImportError."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield _Bars(progress)


class _Bars:
    def __init__(self, progress: Any) -> None:
        self._progress = progress
        self._lock = threading.Lock()
        self._tasks: dict[Digest, Any] = {}
        self._is_sending: set[Digest] = set()

    def __call__(self, event: Event) -> None:
        """Move the bar of the layer that the event is about."""
        with self._lock:
            if isinstance(event, SpaceNeeded):
                self._progress.console.print(
                    f"up to {size_text(event.size)} will be taken in {event.folder}", highlight=False, markup=False
                )
            elif not isinstance(event, Planned | DocumentSent):
                self._move(event)

    def _move(self, event: LayerStarted | LayerRead | LayerWritten | LayerSent | LayerDone) -> None:
        digest = event.layer.digest
        task = self._tasks.get(digest)
        if task is None:
            task = self._progress.add_task(f"{short(digest)} read", total=event.layer.size, note="")
            self._tasks[digest] = task
        if isinstance(event, LayerRead):
            self._progress.update(task, completed=event.size)
        elif isinstance(event, LayerWritten):
            self._progress.update(task, note=f"{size_text(event.size)} written")
        elif isinstance(event, LayerSent):
            if digest not in self._is_sending:
                self._is_sending.add(digest)
                self._progress.reset(task, total=event.total, description=f"{short(digest)} sent")
            self._progress.update(task, completed=event.size)
        elif isinstance(event, LayerDone):
            self._progress.remove_task(task)
            self._progress.console.print(f"{short(digest)}: {done_text(event)}", highlight=False, markup=False)
