"""`crfs-dav serve`: serve until a signal says stop."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from crfs_dav.app import create_app
from crfs_dav.config import Config, load_config
from crfs_dav.mounting import mount_lines
from crfs_dav.server.http import Server

_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)


def run(options: argparse.Namespace) -> int:
    """0 once stopped by SIGINT or SIGTERM; raises CrfsError for settings and addresses that cannot be."""
    _log_to_stderr(_LEVELS[min(options.verbose, len(_LEVELS) - 1)])
    with ExitStack() as stack:
        overrides = _overrides(options)
        if options.demo:
            overrides |= stack.enter_context(_demo_settings())
        config = load_config(options.config, overrides)
        finished = _serve(config, demo=options.demo)
    if not finished:
        _leave_now()
    return 0


def _serve(config: Config, *, demo: bool) -> bool:
    stop = threading.Event()
    app = create_app(config)
    server = Server(app.wsgi, (config.host, config.port), threads=config.threads)
    server.start()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    print("\n".join(_welcome(config.host, server.port, demo=demo)), flush=True)
    while not stop.wait(3600):
        pass
    finished = server.stop()
    app.close()
    return finished


def _leave_now() -> None:
    """End the process under threads that still wait for a registry: nothing of theirs can be lost."""
    logging.shutdown()
    sys.stdout.flush()
    os._exit(0)


def _overrides(options: argparse.Namespace) -> dict[str, Any]:
    overrides: dict[str, Any] = {}
    if options.host is not None:
        overrides["host"] = options.host
    if options.port is not None:
        overrides["port"] = options.port
    if options.registry:
        overrides["registries"] = dict(map(_registry_setting, options.registry))
    if options.local is not None:
        overrides["local"] = options.local
    if options.cache_dir is not None:
        overrides["cache"] = {"directory": options.cache_dir}
    return overrides


def _registry_setting(text: str) -> tuple[str, dict[str, str]]:
    scheme, separator, host = text.rpartition("://")
    return host.rstrip("/"), {"scheme": scheme} if separator else {}


@contextmanager
def _demo_settings() -> Iterator[dict[str, Any]]:
    """Settings for a registry inside this process that holds a sample image; nothing is written to disk."""
    from crfs_dav.demo.registry import DemoRegistry
    from crfs_dav.demo.sample import build_sample

    with DemoRegistry() as registry:
        build_sample(registry)
        nothing_kept = {"disk_bytes": 0, "spool_bytes": 0, "index_bytes": 0}
        yield {"registries": {registry.host: {"scheme": "http"}}, "cache": nothing_kept}


def _welcome(host: str, port: int, *, demo: bool) -> Iterator[str]:
    shown = f"[{host}]" if ":" in host and not host.startswith("[") else host
    url = f"http://{shown}:{port}/"
    yield f"crfs-dav serves {url}" + (" (demo: one sample image, nothing kept on disk)" if demo else "")
    yield ""
    yield "Open it in a browser, or mount it:"
    yield from (f"  {line.system:<8} {line.command}" for line in mount_lines(url))
    yield ""
    yield "Ctrl-C stops it."


def _log_to_stderr(level: int) -> None:
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=level)
    logging.getLogger("urllib3").setLevel(logging.WARNING)  # its debug lines hold whole signed URLs
