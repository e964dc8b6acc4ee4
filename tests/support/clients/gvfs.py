"""gvfs, which GNOME's file manager stands on, through `gio`. Carries sizes, contents, times; no executable bit."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote_to_bytes

from tests.support.expected import DIRECTORY, Facts, View, digest_of_file
from tests.support.machine import background, run, wait_until

_ATTRIBUTES = "standard::type,standard::size,time::modified"


def view(url: str, scratch: Path) -> View:
    """Everything under `url`: one `gio list` and one `gio copy` a directory."""
    top = url.replace("http:", "dav:", 1)
    with session(scratch) as gio, gio.mounted(top):
        return dict(gio.walk(top, "", scratch / "copy"))


@contextmanager
def session(scratch: Path) -> Iterator[Gio]:
    """A message bus of its own, as a desktop session has; its daemons end with it."""
    runtime = scratch / "runtime"
    runtime.mkdir(mode=0o700)
    bus, log = runtime / "bus", scratch / "bus.log"
    environment = {
        "DBUS_SESSION_BUS_ADDRESS": f"unix:path={bus}",
        "XDG_RUNTIME_DIR": str(runtime),
        "HOME": str(scratch),
        "GIO_USE_VOLUME_MONITOR": "unix",
        "GVFS_DISABLE_FUSE": "1",
    }
    command = ["env", *map("=".join, environment.items())]
    command += ["dbus-daemon", "--session", "--nofork", "--nopidfile", f"--address=unix:path={bus}"]
    with background(command, log) as process:
        wait_until(bus.exists, process, log)
        yield Gio(environment)


@dataclass(frozen=True)
class Gio:
    """The `gio` command in a session of its own."""

    environment: Mapping[str, str]

    def run(self, *words: str | Path) -> str:
        """What `gio <words>` prints."""
        return run(["gio", *words], environment=self.environment)

    @contextmanager
    def mounted(self, top: str) -> Iterator[None]:
        """`top` (a `dav:` address) mounted in this session."""
        self.run("mount", f"{top}/")
        try:
            yield
        finally:
            self.run("mount", "-u", f"{top}/")

    def walk(self, folder: str, shown: str, scratch: Path) -> Iterator[tuple[str, Facts]]:
        """Paths below the address `folder`, which is shown as `shown`, and what is known of them."""
        listing = self.run("list", "-u", "-h", "-a", _ATTRIBUTES, f"{folder}/")
        items = [line.split("\t") for line in listing.splitlines()]
        files = [item for item in items if item[2] != "(directory)"]
        digests = self._digests([item[0] for item in files], scratch)
        for uri, size, kind, times in items:
            path = shown + _last_name(uri)
            if kind == "(directory)":
                yield path, DIRECTORY
                yield from self.walk(uri, f"{path}/", scratch)
            else:
                mtime = int(times.partition("time::modified=")[2])
                yield path, Facts(is_directory=False, size=int(size), sha256=digests[uri], mtime=mtime)

    def _digests(self, uris: Sequence[str], scratch: Path) -> dict[str, str]:
        if not uris:
            return {}
        scratch.mkdir()
        self.run("copy", *uris, scratch)
        digests = {uri: digest_of_file(scratch / _last_name(uri)) for uri in uris}
        shutil.rmtree(scratch)
        return digests


def _last_name(uri: str) -> str:
    return os.fsdecode(unquote_to_bytes(uri.rpartition("/")[2]))
