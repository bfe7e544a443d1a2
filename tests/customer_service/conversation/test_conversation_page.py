"""The page of the real server in a real browser: a conversation, over a reload."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from browser import browser, needs_browser, seeing, waiting
from sample import Demo
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver
from server import running

pytestmark = needs_browser

SECONDS_TO_APPEAR = 30
ASKED = "How do I send money to someone in the UK?"
ANGRY = "This is ridiculous! How do I make a complaint?"
TWO = "How do I change my PIN? And how do I download my bank statements?"


@pytest.fixture(scope="module")
def address(bilingual: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    copy = tmp_path_factory.mktemp("conversing-page") / "var"
    shutil.copytree(bilingual.store, copy, symlinks=True)
    with running(copy) as found:
        yield found


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDriver]:
    with browser(tmp_path_factory.mktemp("chromium")) as driver:
        yield driver


@pytest.fixture
def page(chromium: WebDriver, address: str) -> Iterator[WebDriver]:
    chromium.get(address)
    yield chromium
    chromium.execute_script("sessionStorage.clear()")
    assert chromium.get_log("browser") == []


def ask(page: WebDriver, question: str) -> Any:
    """The reply, once it is whole."""
    page.find_element(By.ID, "question").send_keys(question, Keys.ENTER)
    return last_reply(page, question)


def last_reply(page: WebDriver, question: str) -> Any:
    def whole(driver: WebDriver) -> Any:
        turns = driver.find_elements(By.CSS_SELECTOR, "#turns > li")
        if not turns or question not in turns[-1].text:
            return None
        shown = turns[-1].find_elements(By.CSS_SELECTOR, ".reply[data-decision]")
        return shown[0] if shown else None

    return waiting(page, SECONDS_TO_APPEAR).until(whole)


def test_a_follow_up_is_understood_even_after_a_reload(page: WebDriver) -> None:
    ask(page, ASKED)
    page.refresh()
    seeing(page, SECONDS_TO_APPEAR)(".asked", ASKED)
    reply = ask(page, "and abroad?")
    assert "How do I send money abroad" in reply.text
    assert len(page.find_elements(By.CSS_SELECTOR, "#turns > li")) == 2


def test_two_questions_are_shown_each_with_its_source(page: WebDriver) -> None:
    reply = ask(page, TWO)
    titles = [one.text for one in reply.find_elements(By.CSS_SELECTOR, ".part > .asks")]
    assert [title.rstrip("?") for title in titles] == [
        "How do I change my PIN",
        "how do I download my bank statements",
    ]


def test_who_is_angry_reads_a_sentence_first(page: WebDriver) -> None:
    reply = ask(page, ANGRY)
    assert reply.text.startswith("I am sorry")


def test_a_person_is_asked_for_by_a_button_and_takes_over(page: WebDriver) -> None:
    page.find_element(By.ID, "person").click()
    reply = last_reply(page, "I would like to talk to a person.")
    assert reply.get_attribute("data-decision") == "handoff"
    assert "A person will take over." in reply.text
    assert not reply.find_elements(By.CSS_SELECTOR, ".feedback")


def test_small_talk_is_just_said(page: WebDriver) -> None:
    reply = ask(page, "are you a robot?")
    assert "computer program" in reply.text
    assert not reply.find_elements(By.CSS_SELECTOR, ".feedback, .why, .sure")


def test_a_new_conversation_knows_nothing_of_the_old_one(page: WebDriver) -> None:
    ask(page, ASKED)
    page.find_element(By.ID, "fresh").click()
    assert page.find_elements(By.CSS_SELECTOR, "#turns > li") == []
    assert not page.find_element(By.ID, "fresh").is_displayed()
    reply = ask(page, "and abroad?")
    assert "Understood as" not in reply.get_attribute("textContent")
    page.refresh()
    assert len(page.find_elements(By.CSS_SELECTOR, "#turns > li")) == 1
