from __future__ import annotations

import logging
from http.client import IncompleteRead

import pytest

from crfs_dav.errors import AccessDenied, BadName, Corrupt, CrfsError, NotFound, Unavailable
from tests.dav.conftest import Serve
from tests.support.dav import DavClient
from tests.support.dav_tree import BreakingDirectory, FailingDirectory, FailingFile, TreeFile, directory

TABLE = [
    (NotFound("secret"), 404, logging.INFO),
    (BadName("secret"), 404, logging.INFO),
    (AccessDenied("secret"), 403, logging.WARNING),
    (Unavailable("secret"), 503, logging.WARNING),
    (Corrupt("secret"), 502, logging.WARNING),
    (CrfsError("secret"), 500, logging.WARNING),
    (RuntimeError("secret"), 500, logging.ERROR),
    (TimeoutError("secret"), 500, logging.ERROR),
]


@pytest.fixture(scope="module")
def broken() -> FailingDirectory:
    return FailingDirectory(NotFound("secret"))


@pytest.fixture(scope="module")
def client(serve: Serve, broken: FailingDirectory) -> DavClient:
    return serve(directory(dir=broken))


@pytest.mark.parametrize(("error", "status"), [row[:2] for row in TABLE])
@pytest.mark.parametrize("line", ["GET /dir/x", "HEAD /dir/x", "GET /dir/", "PROPFIND /dir/x", "PROPFIND /dir/"])
def test_an_error_of_the_tree_becomes_its_status(
    client: DavClient, broken: FailingDirectory, *, line: str, error: Exception, status: int
) -> None:
    broken.error = error
    method, path = line.split()
    answer = client.request(method, path, headers={"Depth": "1"})

    assert answer.status == status
    assert b"secret" not in answer.body
    assert len(answer.body) < 200


@pytest.mark.parametrize(("error", "status", "level"), TABLE)
def test_an_error_before_the_first_byte_becomes_its_status_and_one_line(
    serve: Serve, caplog: pytest.LogCaptureFixture, *, error: Exception, status: int, level: int
) -> None:
    caplog.set_level(logging.INFO)
    client = serve(directory(file=FailingFile(b"content", error)))

    assert client.get("/file").status == status
    (record,) = _ours(caplog)
    assert (record.levelno, record.exc_info is None) == (level, isinstance(error, CrfsError))
    assert record.getMessage().startswith("GET /file: ")


def test_a_listing_that_breaks_off_is_never_taken_for_whole(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    members = {f"entry-{number:05}": TreeFile(b"") for number in range(9000)}
    client = serve(directory(many=BreakingDirectory(members, Unavailable("gone"))))

    with pytest.raises(IncompleteRead):
        client.propfind("/many/", depth="1")
    assert [record.getMessage() for record in _ours(caplog)] == ["PROPFIND /many/: gone"]


def test_an_unforeseen_error_in_the_body_is_logged_too(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    broken = FailingFile(bytes(2_000_000), ConnectionResetError(104, "upstream"), at=1_000_000)

    with pytest.raises(IncompleteRead):
        serve(directory(file=broken)).get("/file")
    assert [record.levelno for record in _ours(caplog)] == [logging.ERROR]


def test_an_error_in_the_body_is_one_line_without_a_traceback(
    serve: Serve, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    client = serve(directory(file=FailingFile(bytes(2_000_000), Corrupt("chunk: bad; expected good"), at=1_000_000)))

    with pytest.raises(IncompleteRead):
        client.get("/file")
    assert [record.getMessage() for record in _ours(caplog)] == ["GET /file: chunk: bad; expected good"]
    assert capfd.readouterr().err == ""


def test_a_name_cannot_forge_a_log_line(
    client: DavClient, broken: FailingDirectory, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    broken.error = NotFound("nothing")
    client.get("/dir/x%0AERROR%20forged")

    assert [record.getMessage() for record in _ours(caplog)] == ["GET /dir/x%0AERROR%20forged: nothing"]


@pytest.mark.parametrize(("seconds", "wanted"), [(None, "5"), (0.0, "1"), (1.2, "2"), (30, "30"), (-7, "1")])
def test_what_is_not_to_be_had_now_says_when_to_come_again(
    client: DavClient, broken: FailingDirectory, seconds: float | None, wanted: str
) -> None:
    broken.error = Unavailable("later", retry_after_seconds=seconds)
    answer = client.get("/dir/x")

    assert (answer.status, answer.headers["retry-after"]) == (503, wanted)


def test_served_requests_and_missing_names_are_quiet_by_default(
    client: DavClient, broken: FailingDirectory, caplog: pytest.LogCaptureFixture
) -> None:
    broken.error = NotFound("nothing")
    client.get("/dir/x")
    client.get("/")
    client.propfind("/", depth="1")
    client.request("PUT", "/x", body=b"x")

    assert _ours(caplog) == []


def _ours(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """What this project logged; WsgiDAV, which is silent by itself, names its version at each start."""
    return [record for record in caplog.records if record.name.startswith("crfs_dav")]
