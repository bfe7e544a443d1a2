"""In a real browser: from a bad answer to the right one, and the page of corrections."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from browser import needs_browser, seeing
from sample import Demo
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver
from server import running

pytestmark = needs_browser
# Learning has a low priority, and gets its turn late where all tests run at once.
PATIENCE_SECONDS = 600
QUESTION = "they towed my car, where is it"
TOWED = "Cars are towed to the yard at 5 Dock Road."


@pytest.fixture(scope="module")
def address(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    store = tmp_path_factory.mktemp("learning") / "var"
    shutil.copytree(demo.store, store, symlinks=True, ignore=shutil.ignore_patterns("*.sqlite*"))
    with running(store, "--learn", "at-once") as found:
        yield found


@pytest.fixture
def see(driver: WebDriver) -> Callable[..., Any]:
    return seeing(driver, PATIENCE_SECONDS)


def test_from_a_bad_answer_to_the_right_one(
    address: str, driver: WebDriver, see: Callable[..., Any]
) -> None:
    driver.get(address)
    see("#question").send_keys(QUESTION, Keys.ENTER)
    see(".feedback button .unseen", "Bad answer").find_element(By.XPATH, "..").click()
    see(".feedback .choice")
    see(".feedback textarea").send_keys(TOWED)
    see(".feedback .written button").click()
    see(".feedback .small", "Learned.")
    see(".feedback button", "Ask again").click()
    see(".reply .text", TOWED)
    see(".feedback button .unseen", "Good answer").find_element(By.XPATH, "..").click()
    see(".feedback", "Thank you.")


def test_corrections_are_decided_by_the_keyboard(
    address: str, driver: WebDriver, see: Callable[..., Any]
) -> None:
    driver.get(f"{address}/web/shared/corrections.html")
    see("#filters button", "Open")
    # In one step: the page may show its rows anew between finding and clicking.
    click = """
    const fitting = (one) => one.textContent.includes(arguments[1]);
    [...document.querySelectorAll(arguments[0])].find(fitting).click();
    """

    def press(selector: str, text: str = "") -> None:
        see(selector, text)
        driver.execute_script(click, selector, text)

    post = """
    const said = { answer_id: 'gone', question: arguments[0], faq_id: 'en-card-lost' };
    return fetch('/v1/feedback', { method: 'POST', body: JSON.stringify(said), headers:
      { 'Content-Type': 'application/json', 'X-Forwarded-For': '203.0.113.9' } })
      .then((reply) => reply.status);
    """
    questions = ("my purse is gone", "the dog ate it")
    for question in questions:
        assert driver.execute_script(post, question) == 201
    for question in questions:
        see("#rows li", question)
    body = driver.find_element(By.TAG_NAME, "body")
    body.send_keys("j")
    see("#rows li[aria-current=true]", questions[0])
    body.send_keys("k")
    see("#rows li[aria-current=true]", questions[1])
    body.send_keys("2")
    press("#filters button", "Rejected 1")
    see("#rows li", questions[1])
    body.send_keys("3")
    see("#filters button", "Rejected 0")
    press("#filters button", "Open 2")
    see("#rows li", questions[1])
    press("#language")
    see("h1", "纠错")
    assert [one for one in driver.get_log("browser") if one["level"] == "SEVERE"] == []
