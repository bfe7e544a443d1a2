"""A real browser for tests of the pages."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
needs_browser = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver on the path"
)
# What still fades in has no text that Selenium sees.
FLAGS = (
    "force-prefers-reduced-motion",
    "headless=new",
    "no-sandbox",
    "disable-gpu",
    "disable-quic",
    "no-first-run",
    "disable-background-networking",
    "disable-component-update",
    "disable-sync",
)


# Half a second, as Selenium has it, is most of the time of a test that looks at many things; a
# fiftieth keeps a core so busy that what has a low priority, such as `learn`, gets no turn.
POLL_SECONDS = 0.1
SECONDS_TO_APPEAR = 10
SHOWN = """
return [...document.querySelectorAll(arguments[0])]
  .filter((one) => one.checkVisibility() && one.textContent.includes(arguments[1]))
"""


class Driver(Service):
    """Ends at once: asked by its own protocol, it is looked after a second later."""

    def send_remote_shutdown_command(self) -> None:
        """The signal that follows is enough."""


@contextmanager
def browser(profile: Path, *flags: str) -> Iterator[WebDriver]:
    """Chromium with an empty profile, in English where nothing else is said."""
    options = Options()
    options.binary_location = str(CHROMIUM)
    for flag in (*FLAGS, "lang=en", "window-size=1200,900", *flags, f"user-data-dir={profile}"):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, Driver(DRIVER))
    try:
        yield driver
    finally:
        driver.quit()


def waiting(watched: Any, seconds: float, *ignored: type[Exception]) -> WebDriverWait[Any]:
    """Waits until something can be said of a driver, or of whatever is watched.

    What the page has just replaced is looked at again.
    """
    passing = (StaleElementReferenceException, *ignored)
    return WebDriverWait(watched, seconds, POLL_SECONDS, ignored_exceptions=passing)


class Visitor:
    """What one does and sees on a page that shows itself in one window."""

    def __init__(self, driver: WebDriver, address: str) -> None:
        self.driver = driver
        self.address = address

    def speaks(self, language: str) -> None:
        """From the next page on, the browser is one in this language."""
        agent = self.script("navigator.userAgent")
        self.command("Emulation.setUserAgentOverride", userAgent=agent, acceptLanguage=language)

    def command(self, name: str, **parameters: Any) -> None:
        self.driver.execute_cdp_cmd(name, parameters)

    def resize(self, width: int, height: int) -> None:
        self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def wait(self, until: Callable[[], Any]) -> Any:
        return waiting(self.driver, SECONDS_TO_APPEAR).until(lambda _: until())

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def shown(self, selector: str, text: str = "") -> list[WebElement]:
        """All shown matches that hold the text, once there is one."""
        return self.wait(lambda: self.driver.execute_script(SHOWN, selector, text))

    def press(self, *keys: str) -> None:
        self.driver.switch_to.active_element.send_keys(*keys)

    def script(self, source: str) -> Any:
        return self.driver.execute_script(f"return {source}")

    def leave(self) -> None:
        """Keep nothing; nothing went wrong, and nothing was asked of another server."""
        self.script("[localStorage.clear(), sessionStorage.clear()]")
        # A refused request is logged by the browser itself; everything else would be ours.
        logged = self.driver.get_log("browser")
        assert [one for one in logged if "Failed to load resource" not in one["message"]] == []
        requested = self.script("performance.getEntriesByType('resource').map((one) => one.name)")
        assert [url for url in requested if not url.startswith(self.address)] == []


def seeing(driver: WebDriver, seconds: float) -> Callable[..., Any]:
    """Waits for the last match of a selector that holds a text, and gives it."""

    def see(selector: str, text: str = "") -> Any:
        def found(_: object) -> Any:
            shown = driver.find_elements(By.CSS_SELECTOR, selector)
            return next((one for one in reversed(shown) if text in one.text), None)

        return waiting(driver, seconds, Exception).until(found)

    return see
