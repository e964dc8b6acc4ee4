"""`crfs-dav serve`: serve until a signal says stop."""

from __future__ import annotations

import argparse
import gc
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from crfs_dav.app import App, create_app
from crfs_dav.config import Config, load_config
from crfs_dav.mounting import mount_lines
from crfs_dav.server.arenas import bound_arenas
from crfs_dav.server.http import Server
from crfs_dav.server.listening import listen, shared

_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)


def run(options: argparse.Namespace) -> int:
    """0 once stopped by SIGINT or SIGTERM; raises CrfsError for settings and addresses that cannot be."""
    level = _LEVELS[min(options.verbose, len(_LEVELS) - 1)]
    _log_to_stderr(level)
    with ExitStack() as stack:
        overrides = _overrides(options)
        if options.demo:
            overrides |= stack.enter_context(_demo_settings())
        config = load_config(options.config, overrides)
        app = create_app(config)
        listener = listen(config.host, config.port)
        stop = _stop_on_signals()
        print("\n".join(_welcome(config.host, listener.getsockname()[1], demo=options.demo)), flush=True)
        if config.workers > 1:
            app.close()  # it was made so that settings that cannot be are refused here
            _serve_by_workers(config, listener, stop, level)
            return 0
        finished = _serve(config, app, listener, stop)
    if not finished:
        _leave_now()
    return 0


def _serve_by_workers(config: Config, listener: socket.socket, stop: threading.Event, level: int) -> None:
    from crfs_dav.server.workers import Workers

    with Workers(config.workers, _work, config.of_one_worker(), listener, level) as workers:
        workers.keep(lambda seconds: not stop.wait(seconds))


def _work(config: Config, listener: socket.socket, level: int) -> None:
    """What one of several processes does, until it is told to stop."""
    _log_to_stderr(level)
    stop = _stop_on_signals()
    if not _serve(config, create_app(config), shared(listener), stop):
        _leave_now()


def _serve(config: Config, app: App, listener: socket.socket, stop: threading.Event) -> bool:
    """False if some requests had not ended in time."""
    bound_arenas()
    server = Server(app.wsgi, listener, threads=config.threads)
    server.start()
    gc.freeze()  # what is loaded now stays: it need not be gone through whenever a long listing is made
    while not stop.wait(3600):
        pass
    finished = server.stop()
    app.close()
    return finished


def _stop_on_signals() -> threading.Event:
    """Set by SIGTERM, and by SIGINT unless the parent said to ignore it."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_: stop.set())
    return stop


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
    if options.workers is not None:
        overrides["workers"] = options.workers
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
