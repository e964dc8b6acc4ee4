"""Debian's Chromium without a window, and axe-core in it: what people see, and what of it some cannot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
_SERIOUS = ("serious", "critical")
_RUN_AXE = "const done = arguments[0]; axe.run().then(found => done(found.violations)).catch(e => done(String(e)));"


@dataclass(frozen=True)
class Browser:
    """A Chromium window."""

    driver: Chrome

    def show(self, url: str, *, dark: bool = False, width: int = 1280, height: int = 900) -> None:
        """Load `url` in a window of that many CSS pixels."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        self.driver.get(url)

    def serious_faults(self) -> Sequence[str]:
        """Rules of axe-core that the page breaks seriously or worse, each with the first place."""
        self.driver.execute_script((files("axe_core_python") / "axe.min.js").read_text())
        found: list[dict[str, Any]] = self.driver.execute_async_script(_RUN_AXE)
        assert isinstance(found, list), found
        return [f"{each['id']}: {each['nodes'][0]['html']}" for each in found if each["impact"] in _SERIOUS]

    def is_wider_than_its_window(self) -> bool:
        """True if people have to scroll sideways."""
        script = "return document.documentElement.scrollWidth > document.documentElement.clientWidth"
        return bool(self.driver.execute_script(script))

    def complaints(self) -> Sequence[str]:
        """What the console says since the last call: violations of the policy, missing things."""
        return [str(each["message"]) for each in self.driver.get_log("browser")]  # type: ignore[no-untyped-call]


@contextmanager
def chromium(profile: Path) -> Iterator[Browser]:
    """A browser with a fresh `profile`."""
    options = ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for flag in (*_FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options=options, service=Service("/usr/bin/chromedriver"))
    driver.set_page_load_timeout(30)
    try:
        yield Browser(driver)
    finally:
        driver.quit()
