"""429 and `Warning`: what registries say of how they want to be asked."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from crfs_dav.demo.exchange import Answer, Request
from crfs_dav.errors import Unavailable
from crfs_dav.names import digest_of, parse_reference, parse_registry
from crfs_dav.oci import OCI_MANIFEST, Descriptor
from crfs_dav.registry.client import RegistryClient
from crfs_dav.registry.deadline import Clock
from crfs_dav.registry.throttle import Throttle
from crfs_dav.registry.warned import WarningLog
from tests.support.scripted import Script, Scripted
from tests.unit.registry.conftest import OpenClient

Serve = Callable[[Script], Scripted]

MANIFEST = b'{"mediaType": "application/vnd.oci.image.manifest.v1+json"}'


def _script(request: Request) -> Answer:
    if request.method == "GET" and "/manifests/" in request.path:
        return Answer(429, {"Retry-After": "300"})
    return Answer(200, {"Docker-Content-Digest": str(digest_of(MANIFEST)), "Content-Type": OCI_MANIFEST}, MANIFEST)


def _manifest(client: RegistryClient, host: str) -> float | None:
    """Seconds to wait, as the error says."""
    repository = parse_reference(f"{host}/a:v1").repository
    with pytest.raises(Unavailable) as caught:
        client.manifest(repository, Descriptor(OCI_MANIFEST, digest_of(MANIFEST), len(MANIFEST)))
    return caught.value.retry_after_seconds


def test_throttled_registry_is_not_asked_again_before_its_time(scripted: Serve, client_of: OpenClient) -> None:
    server = scripted(_script)
    now = [0.0]
    client = client_of(server.host, clock=Clock(now=lambda: now[0]))

    waits = []
    for now[0] in (0.0, 100.0, 299.0, 301.0):
        waits.append(_manifest(client, server.host))

    assert waits == [300.0, 200.0, 1.0, 300.0]
    assert len(server.requests) == 2


def test_other_questions_go_on(scripted: Serve, client_of: OpenClient) -> None:
    server = scripted(_script)
    client = client_of(server.host)
    _manifest(client, server.host)

    client.resolve(parse_reference(f"{server.host}/a:v1"))
    client.resolve(parse_reference(f"{server.host}/a:v1"))

    assert [request.method for request in server.requests] == ["GET", "HEAD", "HEAD"]


def test_waits_are_remembered_up_to_a_bound() -> None:
    throttle = Throttle(Clock(now=lambda: 0.0))
    for number in range(1001):
        throttle.note("GET", f"https://r{number}.example/v2/a/tags/list", 60)

    throttle.check("GET", "https://r0.example/v2/a/tags/list", "x")
    with pytest.raises(Unavailable, match="x: throttled for 60 s more; expected fewer requests"):
        throttle.check("GET", "https://r1000.example/v2/b/tags/list?n=1", "x")


@pytest.mark.parametrize(
    ("header", "texts"),
    [
        ('299 - "Soon gone"', ["Soon gone"]),
        (r'299 - "a \"quoted\" \\ word"', [r'a "quoted" \ word']),
        ('299 - "one", 299 registry "two"', ["one", "two"]),
        ('299 - "see https://a.example/?token=hunter2 please"', ["see https://a.example/?... please"]),
        ('199 - "other"', []),
        ("299 - unquoted", []),
        ("", []),
    ],
)
def test_warnings_are_logged_once(header: str, texts: list[str], caplog: pytest.LogCaptureFixture) -> None:
    log = WarningLog()
    for _ in range(3):
        log.note(parse_registry("a.b"), {"Warning": header} if header else {})

    assert [record.getMessage() for record in caplog.records] == [f"registry a.b warns: {text}" for text in texts]


def test_invented_warnings_end(caplog: pytest.LogCaptureFixture) -> None:
    log = WarningLog()
    for number in range(300):
        log.note(parse_registry("a.b"), {"Warning": f'299 - "{number}"'})

    assert len(caplog.records) == 200


def test_warning_of_an_answer_reaches_the_log(
    scripted: Serve, client_of: OpenClient, caplog: pytest.LogCaptureFixture
) -> None:
    def script(request: Request) -> Answer:
        answer = _script(request)
        return Answer(answer.status, {**answer.headers, "Warning": '299 - "Moving"'}, answer.body)

    server = scripted(script)
    client_of(server.host).resolve(parse_reference(f"{server.host}/a:v1"))

    assert f"registry {server.host} warns: Moving" in caplog.text
