from __future__ import annotations

import shlex

import pytest

from crfs_dav.errors import BadName
from crfs_dav.mounting import mount_lines, systems_of

URLS = ["http://127.0.0.1:8080/", "https://[::1]:8443/", "http://host/images/127.0.0.1_5000/my/ubuntu/18.04/"]


@pytest.mark.parametrize("url", URLS)
def test_every_system_has_a_line_with_the_address_in_it(url: str) -> None:
    lines = mount_lines(url)

    assert [line.system for line in lines] == ["Linux", "GNOME", "KDE", "macOS", "Windows", "any"]
    for line in lines:
        assert url.rstrip("/").partition(":")[2] in line.command


@pytest.mark.parametrize("url", URLS)
def test_a_shell_takes_the_address_as_one_plain_word(url: str) -> None:
    linux = mount_lines(url)[0].command

    assert shlex.split(linux) == ["sudo", "mount", "-t", "davfs", "-o", "ro", url, "/mnt"]


def test_gnome_and_kde_name_tls_in_the_scheme() -> None:
    commands = {line.system: line.command for line in mount_lines("https://host/")}

    assert commands["GNOME"] == "gio mount davs://host/"
    assert commands["KDE"] == "dolphin webdavs://host/"


@pytest.mark.parametrize(
    ("url", "end"),
    [("http://h/", " http://h/"), ("http://h/images/x/", " http://h/images/x"), ("http://h", " http://h")],
)
def test_windows_gets_a_folder_without_its_slash(url: str, end: str) -> None:
    windows = next(line.command for line in mount_lines(url) if line.system == "Windows")

    assert windows == f"net use Z:{end}"


@pytest.mark.parametrize(
    "url",
    [
        "http://host/;reboot",
        "http://host/ x",
        "http://host/$(id)",
        "http://ho`id`st/",
        "http://host/&calc",
        "http://host/\n",
        "http://user@host/",
        "ftp://host/",
        "host:8080",
        "http://",
        "http://host:123456/",
        "",
    ],
)
def test_what_a_shell_could_run_is_no_address(url: str) -> None:
    with pytest.raises(BadName, match="expected http:// or https://"):
        mount_lines(url)


@pytest.mark.parametrize(
    ("platform", "first"), [("linux", "Linux"), ("darwin", "macOS"), ("win32", "Windows"), ("freebsd14", "Linux")]
)
def test_the_system_at_hand_comes_first(platform: str, first: str) -> None:
    systems = [line.system for line in mount_lines("http://h/")]

    assert systems_of(platform)[0] == first
    assert set(systems_of(platform)) <= set(systems)
