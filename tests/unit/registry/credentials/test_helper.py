from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from crfs_dav.errors import Corrupt, CrfsError, Unavailable
from crfs_dav.names import parse_registry
from crfs_dav.registry.credentials.authdocument import Helper
from crfs_dav.registry.credentials.helper import Helpers, ask_helper, server_of
from crfs_dav.registry.credentials.secret import IdentityToken, Login, Secret
from crfs_dav.registry.deadline import Clock
from tests.unit.registry.credentials.conftest import AddHelper

ANSWER = """echo '{"ServerURL": "x", "Username": "me", "Secret": "hunter2"}'"""


def test_helper_is_asked_by_its_protocol(add_helper: AddHelper, tmp_path: Path) -> None:
    add_helper("x", f'echo "$@" > {tmp_path}/arguments; cat > {tmp_path}/stdin; {ANSWER}')

    assert ask_helper(Helper("x", "a.b:5000"), 5) == Login("me", "hunter2")
    assert (tmp_path / "arguments").read_text() == "get\n"
    assert (tmp_path / "stdin").read_text() == "a.b:5000"


@pytest.mark.parametrize(
    ("script", "secret"),
    [
        ("""echo '{"Username": "<token>", "Secret": "it"}'""", IdentityToken("it")),
        ("""echo '{"Username": "", "Secret": ""}'""", None),
        ("echo credentials not found in native keychain; exit 1", None),
    ],
)
def test_answers_of_helpers(script: str, secret: Secret | None, add_helper: AddHelper) -> None:
    add_helper("x", script)

    assert ask_helper(Helper("x", "a.b"), 5) == secret


@pytest.mark.parametrize(
    ("script", "error", "text"),
    [
        ("echo hunter2; echo hunter2 >&2; exit 3", Unavailable, "docker-credential-x: exit code 3 for a.b; expected 0"),
        ("echo hunter2", Corrupt, "another answer than the protocol's; expected Username and Secret"),
        ("""echo '{"Username": "me"}'""", Corrupt, "another answer"),
        ("""echo '["hunter2"]'""", Corrupt, "another answer"),
        ("yes hunter2", Unavailable, "exit code"),
    ],
)
def test_what_a_broken_helper_says_is_shown_to_nobody(
    script: str, error: type[CrfsError], text: str, add_helper: AddHelper
) -> None:
    add_helper("x", script)

    with pytest.raises(error, match=text) as caught:
        ask_helper(Helper("x", "a.b"), 5)
    assert "hunter2" not in str(caught.value)


def test_helper_that_hangs_is_ended_with_all_it_started(add_helper: AddHelper) -> None:
    add_helper("x", "sleep 60 & sleep 60")
    began = time.monotonic()

    with pytest.raises(Unavailable, match=r"no answer in 0\.2 s; expected credentials of a\.b"):
        ask_helper(Helper("x", "a.b"), 0.2)
    assert time.monotonic() - began < 10


def test_helper_that_is_not_there_is_named(add_helper: AddHelper) -> None:
    with pytest.raises(Unavailable, match="docker-credential-gone: not found; expected a program on PATH"):
        ask_helper(Helper("gone", "a.b"), 5)


def test_helper_that_cannot_run_is_named(add_helper: AddHelper) -> None:
    add_helper("x", "").write_bytes(b"\x7fELF not really")

    with pytest.raises(Unavailable, match="expected a program that runs"):
        ask_helper(Helper("x", "a.b"), 5)


def test_answer_is_kept_for_ten_minutes_and_a_failure_for_five_seconds(add_helper: AddHelper, tmp_path: Path) -> None:
    now = [0.0]
    helpers = Helpers(Clock(now=lambda: now[0]))
    runs = tmp_path / "runs"
    add_helper("x", f"echo run >> {runs}; {ANSWER}")
    add_helper("y", f"echo run >> {runs}; exit 1")

    def count(suffix: str, at: float) -> int:
        now[0] = at
        try:
            helpers.get(Helper(suffix, "a.b"))
        except Unavailable:
            assert suffix == "y"
        return len(runs.read_text().splitlines())

    assert [count("x", at) for at in (0, 599, 601)] == [1, 1, 2]
    assert [count("y", at) for at in (601, 605, 607)] == [3, 3, 4]


def test_threads_that_ask_the_same_share_one_run(add_helper: AddHelper, tmp_path: Path) -> None:
    add_helper("x", f"echo run >> {tmp_path}/runs; sleep 0.3; {ANSWER}")
    helpers = Helpers(Clock())

    with ThreadPoolExecutor(6) as pool:
        found = set(pool.map(lambda _: helpers.get(Helper("x", "a.b")), range(6)))

    assert found == {Login("me", "hunter2")}
    assert (tmp_path / "runs").read_text() == "run\n"


@pytest.mark.parametrize(
    ("registry", "server"),
    [("docker.io", "https://index.docker.io/v1/"), ("a.b:5000", "a.b:5000"), ("ghcr.io", "ghcr.io")],
)
def test_registries_have_the_names_that_docker_login_files_them_under(registry: str, server: str) -> None:
    assert server_of(parse_registry(registry)) == server
