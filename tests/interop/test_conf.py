"""The files in conf/ in the programs that they are for."""

from __future__ import annotations

import shutil
import ssl
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from http.client import HTTPSConnection
from pathlib import Path

import pytest

from tests.support.dav import FINDER_BODY, HREF, DavClient, parse_multistatus
from tests.support.machine import run
from tests.support.process import ServeProcess, serving
from tests.support.proxies import CONF, Certificate, caddy, make_certificate, nginx

Proxy = Callable[[str, Certificate, Path], AbstractContextManager[int]]


@dataclass(frozen=True)
class Behind:
    """A crfs-dav behind a proxy."""

    port: int
    certificate: Certificate
    image: str

    def request(self, method: str, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers in lower case, and body of the answer that comes through."""
        context = ssl.create_default_context(cafile=str(self.certificate.certificate))
        connection = HTTPSConnection("127.0.0.1", self.port, context=context, timeout=20)
        try:
            body = FINDER_BODY if method == "PROPFIND" else None
            connection.request(method, path, body=body, headers=headers)
            response = connection.getresponse()
            return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def server(tools: None) -> Iterator[ServeProcess]:
    with serving("--demo", "--verbose") as server:
        yield server


@pytest.fixture(scope="module")
def image(server: ServeProcess) -> str:
    """Path of the sample's merged image."""
    return f"{DavClient(*server.address).responses('/images/', depth='1')[1].href}my/ubuntu/18.04"


@pytest.fixture(scope="module", params=[nginx, caddy], ids=["nginx", "caddy"])
def behind(
    request: pytest.FixtureRequest, server: ServeProcess, image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Behind]:
    folder = tmp_path_factory.mktemp("proxy")
    certificate = make_certificate(folder)
    host, port = server.address
    proxy: Proxy = request.param
    with proxy(f"{host}:{port}", certificate, folder) as port:
        yield Behind(port, certificate, image)


def test_a_listing_comes_through_a_proxy_as_it_is(behind: Behind, server: ServeProcess) -> None:
    path = f"{behind.image}/home/guest/names/"
    status, _, body = behind.request("PROPFIND", path, Depth="1")
    direct = DavClient(*server.address).propfind(path, FINDER_BODY, depth="1")

    assert (status, body) == (207, direct.body)
    for response in parse_multistatus(body):
        assert HREF.fullmatch(response.href)
        assert behind.request("HEAD", response.href)[0] == 200, response.href


def test_a_range_comes_through_a_proxy(behind: Behind, server: ServeProcess) -> None:
    path = f"{behind.image}/var/log/sample.log"
    status, headers, body = behind.request("GET", path, Range="bytes=1000000-1000099")

    assert (status, headers["content-range"][:22]) == (206, "bytes 1000000-1000099/")
    assert body == DavClient(*server.address).get(path).body[1_000_000:1_000_100]


@pytest.mark.parametrize("name", ["latin1-%FF", "a%2Fb", "%3Cscript%3E", "x%2520y"])
def test_a_name_comes_through_a_proxy_as_it_is_spelled(behind: Behind, server: ServeProcess, name: str) -> None:
    path = f"{behind.image}/etc/{name}"

    statuses = behind.request("GET", path)[0], DavClient(*server.address).get(path).status
    through, direct = [line.partition("GET ")[2] for line in server.log.read_text().splitlines() if "/etc/" in line][
        -2:
    ]

    assert statuses == (404, 404)
    assert through == direct


def test_a_proxy_passes_on_that_we_are_read_only(behind: Behind) -> None:
    status, headers, _ = behind.request("OPTIONS", "/")

    assert (status, headers["dav"], headers["allow"]) == (200, "1", "OPTIONS, HEAD, GET, PROPFIND")
    assert behind.request("PUT", "/x")[0] == 405


def test_the_page_names_the_address_of_the_proxy(behind: Behind) -> None:
    body = behind.request("GET", "/")[2].decode()

    assert f"mount -t davfs -o ro https://127.0.0.1:{behind.port}/ /mnt" in body


def test_davfs2_mounts_by_the_line_for_fstab(server: ServeProcess, image: str, tmp_path: Path) -> None:
    cache = Path(tempfile.mkdtemp(prefix="davfs2-"))  # not below tmp_path, which is closed to davfs2's own user
    shutil.chown(cache, "root", "davfs2")
    cache.chmod(0o770)
    (tmp_path / "davfs2.conf").write_text(f"{(CONF / 'davfs2.conf').read_text()}\ncache_dir {cache}\n")
    (tmp_path / "mnt").mkdir()
    line = (CONF / "fstab").read_text().replace("http://127.0.0.1:8080/", server.url)
    line = line.replace("/mnt/crfs", str(tmp_path / "mnt")).replace(
        "/etc/crfs-dav/davfs2.conf", f"{tmp_path}/davfs2.conf"
    )
    (tmp_path / "fstab").write_text(line)
    run(["findmnt", "--verify", "--tab-file", tmp_path / "fstab"])
    run(["mount", "--fstab", tmp_path / "fstab", tmp_path / "mnt"])
    try:
        registry = image.split("/")[2].replace("%3A", ":")
        etc = tmp_path / "mnt" / "images" / registry / "my/ubuntu/18.04/etc"

        assert "passwd" in {path.name for path in etc.iterdir()}
        assert (etc / "hostname").read_text() == "sample\n"
    finally:
        run(["umount", tmp_path / "mnt"])
        shutil.rmtree(cache)


def test_systemd_takes_the_units(tools: None, tmp_path: Path) -> None:
    program = tmp_path / "crfs-dav"
    program.touch(mode=0o755)
    for unit in (CONF / "systemd").iterdir():
        text = unit.read_text().replace("/opt/crfs-dav/bin/crfs-dav", str(program))
        (tmp_path / unit.name).write_text(text)
    units = sorted(path for path in tmp_path.iterdir() if path.suffix in (".service", ".mount", ".automount"))

    assert [unit.name for unit in units] == ["crfs-dav.service", "mnt-crfs.automount", "mnt-crfs.mount"]
    run(["systemd-analyze", "verify", "--man=no", *units])
