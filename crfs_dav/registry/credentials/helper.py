"""Credential helpers: programs `docker-credential-<suffix>` that keep secrets (docker/docker-credential-helpers).

`get` takes the registry's name on standard input and gives `{"Username", "Secret"}` on standard output. No shell is
involved, and a helper has its time. What it says otherwise is shown to nobody: it may hold the secret.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable

from crfs_dav.errors import Corrupt, CrfsError, Unavailable
from crfs_dav.flight import SingleFlight
from crfs_dav.names import DOCKER_HUB, Registry
from crfs_dav.registry.credentials.authdocument import Helper
from crfs_dav.registry.credentials.secret import IdentityToken, Login, Secret
from crfs_dav.registry.deadline import Clock

_HUB_SERVER = "https://index.docker.io/v1/"  # by which docker login files Docker Hub
_NOT_FOUND = b"credentials not found in native keychain"
_TOKEN_USER = "<token>"  # marks the secret as an identity token
_OUTPUT_LIMIT = 64 << 10  # bytes
_KEPT_SECONDS = 600.0  # the protocol tells no expiry
_FAILURE_KEPT_SECONDS = 5.0
_REMEMBERED = 1000


def server_of(registry: Registry) -> str:
    """The name by which helpers know `registry`."""
    return _HUB_SERVER if registry.host == DOCKER_HUB else str(registry)


class Helpers:
    """Runs helpers, and remembers for a while what they said; one flight a question."""

    def __init__(self, clock: Clock, *, timeout_seconds: float = 10.0) -> None:
        self._clock = clock
        self._timeout_seconds = timeout_seconds
        self._lock = threading.Lock()
        self._kept: dict[Helper, tuple[float, Secret | CrfsError | None]] = {}
        self._flights: SingleFlight[Helper, Secret | CrfsError | None] = SingleFlight()

    def get(self, helper: Helper) -> Secret | None:
        """What `helper` has for its server; None where it has nothing. Raises Unavailable, Corrupt."""
        kept = self._kept.get(helper)
        if kept is not None and self._clock.now() < kept[0]:
            answer = kept[1]
        else:
            answer = self._flights.run(helper, lambda: self._ask(helper))
        if isinstance(answer, CrfsError):
            raise answer
        return answer

    def _ask(self, helper: Helper) -> Secret | CrfsError | None:
        answer: Secret | CrfsError | None
        try:
            answer = ask_helper(helper, self._timeout_seconds)
        except CrfsError as error:
            answer = error
        seconds = _FAILURE_KEPT_SECONDS if isinstance(answer, CrfsError) else _KEPT_SECONDS
        with self._lock:
            self._kept.pop(helper, None)
            if len(self._kept) >= _REMEMBERED:
                del self._kept[next(iter(self._kept))]
            self._kept[helper] = (self._clock.now() + seconds, answer)
        return answer


def ask_helper(helper: Helper, timeout_seconds: float) -> Secret | None:
    """One run of a helper; None where it has nothing. Raises Unavailable, Corrupt."""
    name = f"docker-credential-{helper.suffix}"
    program = shutil.which(name)
    if program is None:
        raise Unavailable(f"{name}: not found; expected a program on PATH")
    code, output = _run([program, "get"], helper.server.encode(), timeout_seconds)
    if code is None:
        raise Unavailable(f"{name}: no answer in {timeout_seconds:g} s; expected credentials of {helper.server}")
    if code != 0:
        if output.strip() == _NOT_FOUND:
            return None
        raise Unavailable(f"{name}: exit code {code} for {helper.server}; expected 0")
    return _parse(output, name)


def _parse(output: bytes, name: str) -> Secret | None:
    try:
        answer = json.loads(output) if len(output) <= _OUTPUT_LIMIT else None
    except (ValueError, RecursionError):
        answer = None
    values = [answer.get(key) for key in ("Username", "Secret")] if isinstance(answer, dict) else []
    texts = [value for value in values if isinstance(value, str)]
    if len(texts) != 2:
        raise Corrupt(f"{name}: another answer than the protocol's; expected Username and Secret")
    user, secret = texts
    if not secret:
        return None
    return IdentityToken(secret) if user == _TOKEN_USER else Login(user, secret)


def _run(command: list[str], stdin: bytes, timeout_seconds: float) -> tuple[int | None, bytes]:
    """Exit code and output, which is cut past its limit; None and b"" where it was ended for taking too long."""
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
        )
    except OSError as error:
        raise Unavailable(f"{command[0]}: {error.strerror}; expected a program that runs") from None
    late = threading.Event()
    with process:
        timer = threading.Timer(timeout_seconds, _end, (process, late.set))
        timer.start()
        output = _talk(process, stdin)
        timer.cancel()
        if len(output) > _OUTPUT_LIMIT:
            _end(process)
        code = process.wait()
    return (None, b"") if late.is_set() else (code, output)


def _talk(process: subprocess.Popen[bytes], stdin: bytes) -> bytes:
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(OSError):  # one that does not care which registry
        process.stdin.write(stdin)
        process.stdin.close()
    return process.stdout.read(_OUTPUT_LIMIT + 1)


def _end(process: subprocess.Popen[bytes], then: Callable[[], None] = lambda: None) -> None:
    """End the helper and all that it started, which would keep its output open."""
    then()
    with contextlib.suppress(OSError):
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
