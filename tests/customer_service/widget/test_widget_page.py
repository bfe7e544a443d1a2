"""The chat in the page of another site, in a real browser."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from browser import browser, needs_browser, waiting
from sample import Demo
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver
from server import running

pytestmark = needs_browser

SECONDS_TO_APPEAR = 30
ASKED = "What should I do if my card is lost or stolen?"
# As strict as a site's own policy can be: nothing inline, nothing from elsewhere but the chat.
SHOP = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Shop</title>
<link rel="icon" href="data:,">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'self'; script-src {origin}; img-src data:; frame-src {origin}">
<h1>Shop</h1><script src="{server}/widget.js" {options} async></script></html>"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


class BehindPath(Quiet):
    """A proxy that knows a server by `/help/`, and nothing else."""

    def __init__(self, *connection: Any, server_address: str, **more: Any) -> None:
        self.behind = server_address
        super().__init__(*connection, **more)

    def do_GET(self) -> None:
        self._pass_on(b"")

    def do_POST(self) -> None:
        self._pass_on(self.rfile.read(int(self.headers["Content-Length"])))

    def _pass_on(self, body: bytes) -> None:
        if not self.path.startswith("/help/"):
            self.send_error(404)
            return
        url = self.behind + self.path.removeprefix("/help")
        headers = {"Content-Type": self.headers.get("Content-Type", "")}
        reply = httpx.request(self.command, url, content=body, headers=headers, timeout=60)
        self.send_response(reply.status_code)
        for name, value in reply.headers.items():
            if name not in {"content-length", "content-encoding", "transfer-encoding"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.content)))
        self.end_headers()
        self.wfile.write(reply.content)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The origin of a shop, and the folder of its pages."""
    folder = tmp_path_factory.mktemp("shop")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://localhost:{server.server_port}", folder
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def help_centre(
    demo: Demo, site: tuple[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    copy = tmp_path_factory.mktemp("widget") / "var"
    shutil.copytree(demo.store, copy, symlinks=True)
    with running(copy, "--embed-on", site[0]) as address:
        yield address


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDriver]:
    with browser(tmp_path_factory.mktemp("chromium")) as driver:
        yield driver


def origin_of(url: str) -> str:
    """Scheme, host and port."""
    found = urlsplit(url)
    return f"{found.scheme}://{found.netloc}"


class Page:
    """A page of the shop, and what a visitor does there."""

    def __init__(
        self, driver: WebDriver, site: tuple[str, Path], server: str, options: str
    ) -> None:
        origin, folder = site
        (folder / "index.html").write_text(
            SHOP.format(server=server, origin=origin_of(server), options=options), encoding="utf-8"
        )
        self.driver = driver
        driver.get(origin)

    @property
    def root(self) -> Any:
        self.driver.switch_to.default_content()
        wait = waiting(self.driver, SECONDS_TO_APPEAR)
        host = wait.until(lambda d: d.find_elements(By.CSS_SELECTOR, "bizlm-help"))[0]
        return host.shadow_root

    @property
    def button(self) -> Any:
        return self.root.find_element(By.CSS_SELECTOR, "button")

    def open(self) -> Any:
        """Opens the chat with the keyboard, and goes into its frame."""
        self.button.send_keys(Keys.ENTER)
        frame = self.root.find_element(By.CSS_SELECTOR, "iframe")
        self.driver.switch_to.frame(frame)
        # Until its script has run, what is sent goes nowhere.
        self.see("#send[aria-label]")
        return self.see("#question")

    def see(self, selector: str, text: str = "") -> Any:
        def shown(driver: WebDriver) -> Any:
            found = driver.find_elements(By.CSS_SELECTOR, selector)
            return next((one for one in found if text in one.text), None)

        return waiting(self.driver, SECONDS_TO_APPEAR).until(shown)

    def kept(self) -> int:
        """How many things the frame stores in the browser."""
        length: int = self.driver.execute_script(
            "return localStorage.length + sessionStorage.length + document.cookie.length"
        )
        return length


def test_a_visitor_asks_in_the_shops_page_and_nothing_is_stored(
    chromium: WebDriver, site: tuple[str, Path], help_centre: str
) -> None:
    options = 'data-language="zh" data-theme="dark" data-title="小店客服"'
    page = Page(chromium, site, help_centre, options)
    assert page.button.get_attribute("aria-label") == "在线咨询"
    assert page.button.get_attribute("aria-expanded") == "false"
    page.open().send_keys(ASKED, Keys.ENTER)
    assert page.see(".reply[data-decision='answer'] .text", "card")
    assert page.see("#name").text == "小店客服"
    assert chromium.execute_script("return document.documentElement.dataset.theme") == "dark"
    hidden = chromium.find_elements(By.CSS_SELECTOR, "nav a, .why, .feedback .plain")
    assert hidden
    assert not any(one.is_displayed() for one in hidden)
    chromium.execute_script("document.querySelectorAll('.feedback .square')[1].click()")
    assert page.see(".feedback .small", "谢谢")
    assert chromium.find_elements(By.CSS_SELECTOR, ".feedback input") == []
    assert page.kept() == 0
    page.see("#question").send_keys(Keys.ESCAPE)
    assert not page.root.find_element(By.CSS_SELECTOR, "iframe").is_displayed()
    assert page.button.get_attribute("aria-expanded") == "false"
    focused = "return document.querySelector('bizlm-help').shadowRoot.activeElement.tagName"
    assert chromium.execute_script(focused) == "BUTTON"
    page.open()
    assert page.see(".reply[data-decision='answer']")
    assert [line["message"] for line in chromium.get_log("browser")] == []


def test_with_the_visitors_consent_the_conversation_survives_a_reload(
    chromium: WebDriver, site: tuple[str, Path], help_centre: str
) -> None:
    page = Page(chromium, site, help_centre, "data-remember")
    page.open().send_keys(ASKED, Keys.ENTER)
    page.see(".reply[data-decision]")
    waiting(chromium, SECONDS_TO_APPEAR).until(lambda _: page.kept() > 0)
    chromium.refresh()
    page.open()
    assert page.see("#turns", ASKED)


def _reply(server: str, text: str) -> None:
    """What a person replies to whoever was handed over last."""
    newest = httpx.get(f"{server}/v1/tickets").json()["newest"]
    url = f"{server}/v1/tickets/{newest['id']}/replies"
    assert httpx.post(url, json={"text": text, "author": "Ann"}).status_code == 201


def _close(server: str) -> None:
    newest = httpx.get(f"{server}/v1/tickets").json()["newest"]
    assert httpx.post(f"{server}/v1/tickets/{newest['id']}/close", json={}).is_success


def _count(page: Page, wanted: str) -> None:
    def told(_: WebDriver) -> bool:
        counts = page.root.find_elements(By.CSS_SELECTOR, ".count")
        return [one.text for one in counts] == ([wanted] if wanted else [])

    waiting(page.driver, SECONDS_TO_APPEAR).until(told)


def test_a_closed_chat_shows_and_announces_a_reply(
    chromium: WebDriver, site: tuple[str, Path], help_centre: str
) -> None:
    page = Page(chromium, site, help_centre, "")
    page.open().send_keys("I want to talk to a person", Keys.ENTER)
    page.see("#with-person", "A person has been asked")
    page.see("#question").send_keys(Keys.ESCAPE)
    _reply(help_centre, "Ann here.")
    _count(page, "1")
    assert page.button.get_attribute("aria-label") == "Ask us a question, 1 new reply"
    spoken = page.root.find_element(By.CSS_SELECTOR, "[role='status']")
    assert spoken.get_attribute("textContent") == "1 new reply"
    _reply(help_centre, "Still here.")
    _count(page, "2")
    page.open()
    page.see(".from-person", "Still here.")
    _count(page, "")
    assert page.button.get_attribute("aria-label") == "Close"


def test_a_reply_after_a_reload_is_shown_where_the_visitor_agreed(
    chromium: WebDriver, site: tuple[str, Path], help_centre: str
) -> None:
    page = Page(chromium, site, help_centre, "data-remember")
    page.open().send_keys("I want to talk to a person", Keys.ENTER)
    page.see("#with-person", "A person has been asked")
    chromium.refresh()
    _reply(help_centre, "Ann again.")
    _count(page, "1")
    focused = "return document.activeElement.tagName"
    assert chromium.execute_script(focused) == "BODY", "nobody opened it"
    _close(help_centre)
    waits = "return sessionStorage.getItem('bizlm-help-waits')"
    page.driver.switch_to.default_content()
    waiting(chromium, SECONDS_TO_APPEAR).until(lambda d: d.execute_script(waits) is None)
    chromium.refresh()
    _count(page, "1")
    assert not page.root.find_elements(By.CSS_SELECTOR, "iframe"), "nothing more can come"
    page.open()
    page.see(".from-person", "Ann again.")
    chromium.refresh()
    _count(page, "")


def test_a_server_behind_a_path(
    chromium: WebDriver, site: tuple[str, Path], help_centre: str
) -> None:
    handler = partial(BehindPath, server_address=help_centre)
    proxy = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    try:
        page = Page(chromium, site, f"http://127.0.0.1:{proxy.server_port}/help", "")
        page.open().send_keys(ASKED, Keys.ENTER)
        assert page.see(".reply[data-decision='answer'] .text", "card")
        page.see("#question").send_keys(Keys.ESCAPE)
        assert page.button.get_attribute("aria-expanded") == "false"
        assert [line["message"] for line in chromium.get_log("browser")] == []
    finally:
        proxy.shutdown()
        proxy.server_close()


def test_a_site_that_was_not_named_cannot_show_the_chat(
    chromium: WebDriver, site: tuple[str, Path], help_centre: str
) -> None:
    page = Page(chromium, site, help_centre, "")
    chromium.get(site[0].replace("localhost", "127.0.0.1"))
    page.button.click()
    frame = page.root.find_element(By.CSS_SELECTOR, "iframe")
    waiting(chromium, SECONDS_TO_APPEAR).until(
        lambda _: any("frame-ancestors" in line["message"] for line in chromium.get_log("browser"))
    )
    chromium.switch_to.frame(frame)
    assert not chromium.find_elements(By.ID, "question")
