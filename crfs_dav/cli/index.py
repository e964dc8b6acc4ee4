"""`crfs-dav index`: makes the indexes of an image's layers ahead of time."""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from typing import Any, TypeAlias

from crfs_dav.config import load_config
from crfs_dav.errors import AccessDenied, Corrupt, CrfsError, NotFound, Unavailable
from crfs_dav.images.inspection import choose_image
from crfs_dav.images.opened import Layer
from crfs_dav.names import Reference, parse_reference
from crfs_dav.oci import Descriptor, Platform, is_archive
from crfs_dav.upstream import Upstream, open_upstream

EXIT_FAILURE = 1

_PATIENCE_SECONDS = 24 * 3600.0
_WORKERS = 2  # layers under way
_TICK_SECONDS = 0.25
_MIB = 1 << 20

_Timed: TypeAlias = tuple[Layer | CrfsError, float]  # seconds


class _Report:
    """What is told while it goes on: lines, one JSON document at the end, or nothing; a counter on a terminal."""

    def __init__(self, options: argparse.Namespace, upstream: Upstream) -> None:
        self._prints_lines = not options.json and not options.quiet
        self._prints_json = options.json
        self._counts = self._prints_lines and sys.stderr.isatty()
        self._traffic = upstream.traffic
        self._layers: list[dict[str, Any]] = []

    def tick(self) -> None:
        """Show on a terminal how much has come so far."""
        if self._counts:
            print(f"\r{self._traffic.received / _MIB:10.1f} MiB received ", end="", file=sys.stderr, flush=True)

    def layer(self, number: int, descriptor: Descriptor, found: Layer | CrfsError, seconds: float) -> None:
        """Tell of one layer that is done."""
        flaw = str(found) if isinstance(found, CrfsError) else found.flaw
        entries = None if isinstance(found, CrfsError) or flaw else found.entry_count
        values = {"number": number, "digest": str(descriptor.digest), "size": descriptor.size}
        self._layers.append({**values, "entries": entries, "error": flaw or None, "seconds": round(seconds, 3)})
        if self._counts:
            print("\r" + " " * 40 + "\r", end="", file=sys.stderr, flush=True)
        if self._prints_lines:
            told = _printable(flaw) if flaw else f"{entries:,} entries in {seconds:.1f} s"
            print(f"layer {number}  {descriptor.size / _MIB:8.1f} MiB  {told}", flush=True)

    def end(self, reference: Reference, image: Descriptor) -> None:
        """Tell of the whole."""
        cost = {"requests": self._traffic.requests, "bytes": self._traffic.received}
        if self._prints_json:
            layers = sorted(self._layers, key=lambda layer: int(layer["number"]))
            document = {"reference": str(reference), "digest": str(image.digest), "layers": layers, "cost": cost}
            print(json.dumps(document, indent=2))
        if self._prints_lines:
            print(f"{cost['requests']} requests, {cost['bytes'] / _MIB:.1f} MiB")


def run(options: argparse.Namespace) -> int:
    """0 with all layers indexed; 1 where the image, or one of its layers, cannot be read. Raises BadName, BadConfig."""
    overrides: dict[str, Any] = {"platform": options.platform} if options.platform else {}
    if options.cache_dir is not None:
        overrides["cache"] = {"directory": options.cache_dir}
    config = load_config(options.config, overrides)
    reference = parse_reference(options.reference)
    logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s", level=logging.ERROR)
    with open_upstream(config, patience_seconds=_PATIENCE_SECONDS) as upstream:
        try:
            return _index(upstream, reference, config.default_platform(), _Report(options, upstream))
        except (NotFound, AccessDenied, Unavailable, Corrupt) as error:
            print(f"crfs-dav index: {error}", file=sys.stderr)
            return EXIT_FAILURE


def _index(upstream: Upstream, reference: Reference, platform: Platform, report: _Report) -> int:
    store, repository = upstream.images, reference.repository
    image, manifest, _ = choose_image(store, reference, upstream.client.resolve(reference), platform)
    failed = False
    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="index-layer") as workers:
        jobs = {
            workers.submit(_timed, partial(store.image_layer, repository, manifest, layer)): (number, layer)
            for number, layer in enumerate(manifest.layers)
            if is_archive(layer)
        }
        for job in _as_done(set(jobs), report):
            number, layer = jobs[job]
            found, seconds = job.result()
            failed = failed or isinstance(found, CrfsError) or found.tree is None
            report.layer(number, layer, found, seconds)
    report.end(reference, image)
    return EXIT_FAILURE if failed else 0


def _timed(open_layer: Callable[[], Layer]) -> _Timed:
    started = time.monotonic()
    try:
        found: Layer | CrfsError = open_layer()
    except CrfsError as error:
        found = error
    return found, time.monotonic() - started


def _as_done(jobs: set[Future[_Timed]], report: _Report) -> Iterator[Future[_Timed]]:
    while jobs:
        done, jobs = wait(jobs, timeout=_TICK_SECONDS, return_when="FIRST_COMPLETED")
        report.tick()
        yield from done


def _printable(text: str) -> str:
    """What a layer says comes from strangers: no control characters reach a terminal."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
