"""Pages in Debian's Chromium: for everyone's eyes, in both colour schemes, on a desk and on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.support.chromium import Browser, chromium
from tests.support.dav import DavClient
from tests.support.process import serving

PAGES = {
    "root": "/",
    "registry": "/images/{registry}/",
    "image": "/images/{registry}/my/ubuntu/18.04/",
    "layers": "/layers/{registry}/my/ubuntu/18.04/",
    "directory": "/images/{registry}/my/ubuntu/18.04/etc/",
    "odd names": "/images/{registry}/my/ubuntu/18.04/home/guest/names/",
    "text": "/images/{registry}/my/ubuntu/18.04/etc/os-release?preview",
    "long text": "/images/{registry}/my/ubuntu/18.04/var/log/sample.log?preview",
    "empty": "/images/{registry}/my/ubuntu/18.04/home/guest/empty?preview",
    "error": "/images/{registry}/my/nothing/here",
}
NAMES = PAGES["odd names"]


@dataclass(frozen=True)
class Window:
    """A browser at a demo server."""

    browser: Browser
    url: str
    registry: str

    def show(self, path: str, *, dark: bool = False, width: int = 1280) -> None:
        """Load a page of the server."""
        self.browser.show(self.url.rstrip("/") + path.format(registry=self.registry), dark=dark, width=width)


@pytest.fixture(scope="module")
def window(tools: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Window]:
    with serving("--demo") as server, chromium(tmp_path_factory.mktemp("profile")) as browser:
        registry = DavClient(*server.address).responses("/images/", depth="1")[1].href
        yield Window(browser, server.url, registry.split("/")[2])


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("path", PAGES.values(), ids=PAGES.keys())
def test_no_page_shuts_anybody_out(window: Window, path: str, *, dark: bool, width: int) -> None:
    window.show(path, dark=dark, width=width)

    assert window.browser.serious_faults() == []
    assert not window.browser.is_wider_than_its_window()


@pytest.mark.parametrize("path", [path for name, path in PAGES.items() if name != "error"])
def test_a_page_breaks_none_of_its_own_rules(window: Window, path: str) -> None:
    window.browser.complaints()
    window.show(path)

    assert window.browser.complaints() == []


def test_a_name_that_is_a_script_is_a_name(window: Window) -> None:
    window.show(NAMES)
    window.browser.driver.find_element(By.PARTIAL_LINK_TEXT, "<script>alert(1)<").click()

    assert window.browser.driver.find_element(By.TAG_NAME, "h1").text == "<script>alert(1)<"
    assert "Names are escaped" in window.browser.driver.find_element(By.TAG_NAME, "pre").text


def test_the_keyboard_leads_from_the_root_to_a_text(window: Window) -> None:
    window.show("/")
    driver = window.browser.driver
    for name in ("images/", window.registry.replace("%3A", ":") + "/", "my/", "ubuntu/", "18.04/", "etc/", "hostname"):
        for _ in range(60):
            driver.switch_to.active_element.send_keys(Keys.TAB)
            if driver.switch_to.active_element.text == name:
                break
        driver.switch_to.active_element.send_keys(Keys.ENTER)

    assert driver.find_element(By.TAG_NAME, "pre").text == "sample"


def test_one_click_selects_a_line_to_copy(window: Window) -> None:
    window.show("/")
    window.browser.driver.find_element(By.CLASS_NAME, "copy").click()
    selected = window.browser.driver.execute_script("return getSelection().toString()")

    assert selected == f"sudo mount -t davfs -o ro {window.url} /mnt"
