"""`crfs-dav convert`: write an image anew, so that it can be read lazily, while somebody watches."""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from crfs_dav.access import registry_settings
from crfs_dav.cli.places import FilePlace, LayoutPlace, Place, check_pair, parse_place
from crfs_dav.cli.progress import descriptor_values, follow, size_text
from crfs_dav.cli.stopping import Stop, Stopped
from crfs_dav.config import Config, load_config
from crfs_dav.convert.dryrun import DryTarget
from crfs_dav.convert.events import OnProgress
from crfs_dav.convert.file import convert_file
from crfs_dav.convert.image import convert_image
from crfs_dav.convert.options import Options, Report, Shape
from crfs_dav.convert.ports import Source, Target
from crfs_dav.errors import BadName, CrfsError
from crfs_dav.formats.writing import Format, WriteOptions
from crfs_dav.layout import LayoutSource, LayoutTarget
from crfs_dav.names import Reference
from crfs_dav.oci import Platform, parse_platform
from crfs_dav.registry.connect import client_over, open_transport
from crfs_dav.registry.pull import RegistrySource
from crfs_dav.registry.push import RegistryTarget

EXIT_FAILURE = 1
_SHOWN = 20  # paths
_READ_SECONDS, _DEADLINE_SECONDS = 60.0, 120.0  # at least: no WebDAV client waits for these answers


@dataclass(frozen=True)
class _Task:
    """What is asked for, understood."""

    source: Place
    destination: Place
    options: Options
    is_dry: bool


def run(options: argparse.Namespace) -> int:
    """0 done, 1 failed, 128 and the signal's number where one stopped it; raises CrfsError for wrong usage."""
    task = _parse_task(options)
    config = load_config(options.config, {})
    logging.basicConfig(stream=sys.stderr, format="crfs-dav convert: %(message)s", level=logging.ERROR)
    stop = Stop()
    try:
        with stop.listening(), follow(quiet=options.quiet, as_json=options.json) as on_progress:
            report = _convert(task, config, stop.watching(on_progress))
    except Stopped:
        _tell_end(options, "stopped", "stopped; nothing was tagged, and what is there already is not sent again")
        return 128 + stop.number
    except CrfsError as error:
        _tell_end(options, "failed", str(error))
        return EXIT_FAILURE
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _tell_end(options, "failed", f"{where}{error.strerror or error}")
        return EXIT_FAILURE
    _tell_report(report, task, options)
    return 0


def _parse_task(options: argparse.Namespace) -> _Task:
    if (options.destination is None) != options.in_place:
        raise BadName("DESTINATION: expected one, or --in-place, and not both")
    source = parse_place(options.source)
    destination = source if options.in_place else parse_place(options.destination)
    check_pair(source, destination)
    write = WriteOptions(
        Format(options.format),
        chunk_size=options.chunk_size,
        min_chunk_size=options.min_chunk_size,
        level=options.level,
        prioritized=_paths(options.prioritize),
    )
    shape = Shape(options.shape)
    made = Options(write, platforms=_platforms(options.platform), shape=shape, folder=options.temp_dir)
    if isinstance(source, FilePlace) and (made.platforms or shape is not Shape.LAYERED):
        raise BadName("--platform, --flatten, --meta: of a file; expected an image")
    return _Task(source, destination, made, is_dry=options.dry_run)


def _paths(file: Path | None) -> tuple[str, ...]:
    """The paths that `file` lists; raises BadName where it cannot be read."""
    try:
        text = "" if file is None else file.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise BadName(f"--prioritize {file}: {error.strerror}; expected a file to read") from None
    return tuple(line for line in text.splitlines() if line)


def _platforms(texts: list[str] | None) -> tuple[Platform, ...]:
    """The platforms asked for; none where all are."""
    if not texts or texts == ["all"]:
        return ()
    return tuple(map(parse_platform, texts))


def _convert(task: _Task, config: Config, on_progress: OnProgress) -> Report:
    with tempfile.TemporaryDirectory(prefix="crfs-dav-", dir=task.options.folder) as folder:
        options = replace(task.options, folder=Path(folder))
        if isinstance(task.source, FilePlace) and isinstance(task.destination, FilePlace):
            path = Path(folder) / "dry" if task.is_dry else task.destination.path
            return convert_file(task.source.path, path, options, on_progress)
        with _connected(task, config) as (source, target):
            return convert_image(source, DryTarget(target) if task.is_dry else target, options, on_progress)


@contextmanager
def _connected(task: _Task, config: Config) -> Iterator[tuple[Source, Target]]:
    """Both ends; connections, tokens and what is known of registries are shared between them."""
    settings = replace(
        registry_settings(config),
        read_seconds=max(config.limits.read_timeout_seconds, _READ_SECONDS),
        deadline_seconds=max(config.limits.deadline_seconds, _DEADLINE_SECONDS),
    )
    transport = open_transport(settings)
    with ExitStack() as stack:
        client = stack.enter_context(client_over(transport, settings))
        source: Source
        target: Target
        if isinstance(task.source, LayoutPlace):
            source = LayoutSource(task.source.folder, task.source.ref)
        else:
            source = RegistrySource(client, cast(Reference, task.source))
        if isinstance(task.destination, LayoutPlace):
            target = LayoutTarget(task.destination.folder, task.destination.ref)
        else:
            target = stack.enter_context(RegistryTarget(transport, cast(Reference, task.destination)))
        yield source, target


def _tell_end(options: argparse.Namespace, event: str, message: str) -> None:
    if options.json:
        print(json.dumps({"event": event, "message": message}), flush=True)
    print(f"crfs-dav convert: {message}", file=sys.stderr)


def _tell_report(report: Report, task: _Task, options: argparse.Namespace) -> None:
    """On standard output: the name and digest of the result, or the last object of JSON."""
    name = _name(task.destination)
    missing = _missing(report, task.options)
    if options.json:
        document = {
            "event": "done",
            "destination": name,
            "dryRun": task.is_dry,
            "image": descriptor_values(report.root),
            "leftOut": [descriptor_values(each) for each in report.left_out],
            "notFound": missing,
        }
        print(json.dumps(document), flush=True)
        return
    if missing:
        shown = ", ".join(missing[:_SHOWN]) + (", ..." if len(missing) > _SHOWN else "")
        print(f"crfs-dav convert: --prioritize: {len(missing)} in no layer that was written: {shown}", file=sys.stderr)
    if not options.quiet:
        before, after = sum(d.layer.size for d in report.layers), sum(d.result.size for d in report.layers)
        left_out = f"; {len(report.left_out)} other manifests left out" if report.left_out else ""
        dry = "; a dry run: nothing was written" if task.is_dry else ""
        print(f"{size_text(before)} became {size_text(after)}{left_out}{dry}", file=sys.stderr)
    print(f"{name}@{report.root.digest}" if isinstance(task.destination, Reference) else f"{name} {report.root.digest}")


def _missing(report: Report, options: Options) -> list[str]:
    """Paths that were to come first, and are nowhere."""
    found = {path for done in report.layers for path in done.first}
    return [path for path in options.write.prioritized if path not in found]


def _name(place: Place) -> str:
    if isinstance(place, LayoutPlace):
        return f"oci:{place.folder}:{place.ref}" if place.ref else f"oci:{place.folder}"
    return f"file:{place.path}" if isinstance(place, FilePlace) else str(place)
