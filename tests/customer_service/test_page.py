"""The page in a real browser, against a server that keeps the HTTP contract and knows its lines."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from browser import Visitor, browser, needs_browser
from fake_chat import (
    ABROAD,
    EXAMPLES,
    FOUND,
    FREEZE_EN,
    FREEZE_ZH,
    HOSTILE,
    KEY,
    LOST_EN,
    LOST_ZH,
    RELEASE,
    Fake,
    problem,
    serving_lines,
)
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.remote.webelement import WebElement

pytestmark = needs_browser


@pytest.fixture(scope="module")
def server() -> Iterator[Fake]:
    with serving_lines() as fake:
        yield fake


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDriver]:
    profile = tmp_path_factory.mktemp("chromium")
    with browser(profile, "window-size=1200,800") as driver:
        yield driver


class Page(Visitor):
    """What a customer does and sees."""

    def __init__(self, driver: WebDriver, server: Fake) -> None:
        super().__init__(driver, server.url)
        self.server = server

    def open(self, language: str = "en-US") -> None:
        self.speaks(language)
        self.driver.get(self.address)
        self.see("#examples button")

    def see(self, selector: str, text: str = "") -> WebElement:
        """The last shown match that holds the text, once there is one."""
        return self.shown(selector, text)[-1]

    def focused(self) -> str:
        return self.script("document.activeElement.id")

    def ask(self, question: str) -> None:
        self.wait(lambda: not self.all("#send.stops"))
        self.see("#question").send_keys(question, Keys.ENTER)


@pytest.fixture
def page(chromium: WebDriver, server: Fake) -> Iterator[Page]:
    server.reset()
    opened = Page(chromium, server)
    opened.command("Emulation.clearDeviceMetricsOverride")
    opened.open()
    yield opened
    opened.leave()


def test_an_english_question_gets_a_streamed_answer_with_source_and_confidence(page: Page) -> None:
    page.ask("I lost my card")
    page.see('.reply[data-decision="answer"] .text', FREEZE_EN)
    link = page.see(".source a", LOST_EN)
    assert link.get_attribute("href") == "https://help.bank.example/cards/lost"
    assert link.get_attribute("rel") == "noopener noreferrer"
    page.see(".sure", "92\u00a0% sure")
    page.see("#announcer", f"{FREEZE_EN}92\u00a0% sure")
    assert page.see(".asked [lang=en]").text == "I lost my card"
    assert page.see("#release").text == RELEASE
    assert page.server.asked[0]["stream"] is True
    page.see(".near button", FOUND["question"]).click()
    page.see('.reply[data-decision="chosen"] .text', "Unfreeze it.")


def test_each_sentence_of_a_composed_reply_has_the_mark_of_its_source(page: Page) -> None:
    page.ask("rent and hours")
    text = page.see(".composed", "Rent is £145.1 Come at nine.2")
    assert [mark.text for mark in text.find_elements(By.CSS_SELECTOR, "sup")] == ["1", "2"]
    first, second = page.see(".sources").find_elements(By.CSS_SELECTOR, "li")
    assert first.text == "What is the rent?"
    assert second.text.startswith(f"Boxes › {HOSTILE} (page 2)")
    link = second.find_element(By.CSS_SELECTOR, "a").get_attribute("href")
    assert link == "https://help.bank.example/boxes"
    page.see("#announcer", "Rent is £145. Come at nine.80\u00a0% sure")


def test_the_text_is_there_while_it_streams_and_escape_stops_it(page: Page) -> None:
    page.ask("never ending")
    page.see(".arriving", "Wait for it")
    page.press(Keys.ESCAPE)
    page.see('.reply[data-decision="stopped"] .text', "Wait for it")
    page.see("#announcer", "Stopped.")
    page.ask("I lost my card")
    page.see(".text", FREEZE_EN)


def test_a_chinese_question_is_answered_and_marked_as_chinese(page: Page) -> None:
    page.ask("卡丢了怎么办")
    assert page.see(".reply .text", FREEZE_ZH).get_attribute("lang") == "zh"
    assert page.see(".asked [lang]", "卡丢了").get_attribute("lang") == "zh"
    page.see(".source a[href$='/zh/lost']", LOST_ZH)
    assert page.script("document.documentElement.lang") == "en"


def test_a_browser_in_chinese_gets_the_page_in_chinese(page: Page) -> None:
    page.open("zh-CN")
    assert page.script("document.documentElement.lang") == "zh-CN"
    page.see("#examples button", LOST_ZH)
    page.ask("My thing is broken")
    page.see(".callout", "没有把握答对，为您转人工")


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("What is the weather?", "outside what the help centre covers"),
        ("My thing is broken", "Call 0808 157 0140."),
    ],
)
def test_what_it_does_not_know_goes_to_a_person(page: Page, question: str, said: str) -> None:
    page.ask(question)
    page.see('.reply[data-decision="handoff"] .callout', said)
    page.see(".callout button", "Copy for a person")
    page.see(".reference", "5f0c2d9e")


def test_clarify_offers_questions_and_choosing_one_shows_its_answer(page: Page) -> None:
    page.ask("card")
    assert [one.text for one in page.wait(lambda: page.all(".clarify button"))] == [
        FOUND["question"],
        ABROAD["question"],
    ]
    page.see(".clarify button", FOUND["question"]).click()
    page.see(".reply .text", "Unfreeze it.")
    page.see(".source a[href$='/cards/found']", FOUND["question"])
    page.see(".clarify button", ABROAD["question"]).click()
    page.see(".reply .text", "Yes, in every country.")
    page.wait(lambda: len(page.server.asked) == 3)
    told = [body["question"] for body in page.server.asked]
    assert told == ["card", FOUND["question"], ABROAD["question"]]


def test_a_release_without_questions_shows_the_intent_and_its_confidence(page: Page) -> None:
    page.ask("Only intents here")
    page.see(".reply .intent", "card_lost_stolen")
    page.see(".reply .sure", "87\u00a0% sure")


def test_why_shows_intents_candidates_and_time(page: Page) -> None:
    page.ask("I lost my card")
    page.see(".why summary").click()
    panel = page.see(".panel").text
    for shown in ("card_lost_stolen", "87 %", "card_arrival", "0.91", "0.44", "26 ms"):
        assert shown in panel
    widths = page.script("[...document.querySelectorAll('.panel i')].map((i) => i.style.width)")
    assert widths[:2] == ["87.1%", "6%"]


def test_markup_in_any_text_is_shown_and_never_run(page: Page) -> None:
    page.ask(HOSTILE)
    for selector in (".asked", ".reply .text", ".source", ".near button", ".why"):
        page.see(selector, HOSTILE)
    assert page.all(".source a") == []
    page.see(".near button", HOSTILE).click()
    page.see('.reply[data-decision="chosen"]', HOSTILE)
    assert page.script("document.querySelectorAll('main img, main script').length") == 0
    assert page.script("document.title") == "Help centre"


def test_429_says_when_to_try_again(page: Page) -> None:
    page.server.troubles.append(problem(429, "Too many.", **{"Retry-After": "3600"}))
    page.ask("I lost my card")
    page.see(".callout .text", "try again in 60\u00a0min")
    page.see(".callout button:disabled", "Try again in 60\u00a0min")


def test_after_the_wait_of_a_429_it_can_be_tried_again(page: Page) -> None:
    page.server.troubles.append(problem(429, "Too many.", **{"Retry-After": "1"}))
    page.ask("I lost my card")
    retry = page.see(".callout button", "Try again")
    page.wait(retry.is_enabled)
    retry.click()
    page.see(".reply .text", FREEZE_EN)
    assert len(page.all("#turns > li")) == 1


def test_an_error_of_the_server_is_told_in_its_words(page: Page) -> None:
    page.server.troubles.append(problem(503, "The server is stopping."))
    page.ask("I lost my card")
    page.see(".callout", "The server is stopping.")
    page.see(".callout button", "Try again").click()
    page.see(".reply .text", FREEZE_EN)


def test_a_lost_connection_keeps_the_question(page: Page) -> None:
    page.command("Network.enable")
    offline = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    page.command("Network.emulateNetworkConditions", offline=True, **offline)
    page.ask("I lost my card")
    page.see(".callout", "connection to the server is lost")
    page.command("Network.emulateNetworkConditions", offline=False, **offline)
    page.see(".callout button", "Try again").click()
    page.see(".reply .text", FREEZE_EN)


def test_a_stream_cut_off_is_no_answer(page: Page) -> None:
    page.server.cuts_off = True
    page.ask("I lost my card")
    page.see(".callout", "connection to the server is lost")


def test_a_question_that_the_server_finds_too_long_goes_back_to_be_edited(page: Page) -> None:
    page.server.troubles.append(problem(413, "Too long."))
    page.ask("I lost my card")
    page.see(".callout", "too long")
    page.see(".callout button", "Edit the question").click()
    assert page.see("#question").get_attribute("value") == "I lost my card"
    assert page.focused() == "question"


def test_characters_are_counted_and_a_question_over_the_limit_is_not_sent(page: Page) -> None:
    page.script("document.getElementById('question').value = '🙂'.repeat(2000)")
    page.press("ab")
    page.see("#count", "2,002 of 2,000")
    page.press(Keys.ENTER)
    page.see("#announcer", "shorten it by 2 characters")
    page.press(Keys.BACKSPACE, Keys.BACKSPACE, Keys.ENTER)
    page.see(".reply .text", FREEZE_EN)
    assert len(page.server.asked) == 1


def test_an_empty_question_is_not_sent(page: Page) -> None:
    page.ask("   ")
    page.see("#hint", "Type a question first.")
    assert page.server.asked == []


def test_a_key_is_asked_for_kept_in_the_tab_and_sent(page: Page) -> None:
    page.server.needs_key = True
    page.ask("I lost my card")
    page.see("#ask-input").send_keys("wrong-key", Keys.ENTER)
    page.see("#ask-text", "not accepted")
    page.see("#ask-input").send_keys(KEY, Keys.ENTER)
    page.see(".reply .text", FREEZE_EN)
    assert page.script("sessionStorage.getItem('api-key')") == KEY
    assert KEY not in page.script("JSON.stringify(localStorage)")
    page.ask("I lost my card")
    page.wait(lambda: len(page.all(".sure")) == 2)
    assert page.all("dialog") == []


def test_a_key_is_asked_for_before_the_first_question_too(page: Page) -> None:
    page.server.needs_key = True
    page.driver.get(page.server.url)
    page.see("#ask-input").send_keys("wrong-key", Keys.ENTER)
    page.see("#ask-text", "not accepted")
    page.see("#ask-input").send_keys(KEY, Keys.ENTER)
    page.see("#examples button", LOST_EN)


def test_whoever_gives_no_key_is_told_so(page: Page) -> None:
    page.server.needs_key = True
    page.ask("I lost my card")
    page.see("#ask-input").send_keys(Keys.ESCAPE)
    page.see(".callout", "only with an API key")


def test_the_keyboard_is_enough(page: Page) -> None:
    assert page.focused() == "question"
    page.press("card", Keys.SHIFT + Keys.ENTER + Keys.NULL, "abroad", Keys.ENTER)
    page.see(".clarify button")
    assert page.server.asked[0]["question"] == "card\nabroad"
    assert page.focused() == "question"
    # Back over the summary of why and three buttons of feedback, onto the last question offered.
    for _ in range(5):
        page.press(Keys.SHIFT + Keys.TAB)
    offered = page.driver.switch_to.active_element
    assert offered.text == ABROAD["question"]
    assert page.script("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.press(Keys.ENTER)
    page.see(".reply .text", "Yes, in every country.")


def test_an_example_is_asked_by_one_press(page: Page) -> None:
    assert [one.text for one in page.all("#examples button")] == EXAMPLES["en"]
    page.see("#examples button", LOST_EN).send_keys(Keys.ENTER)
    page.see(".reply .text", FREEZE_EN)
    assert page.server.asked[0]["question"] == LOST_EN
    assert page.focused() == "question"


@pytest.mark.parametrize("width", [360, 1600])
def test_no_width_scrolls_sideways(page: Page, width: int) -> None:
    page.resize(width, 640)
    sideways = "(scrollBy(1000, 0), scrollX)"
    assert page.script(sideways) == 0
    for question in ("long", "card", "My thing is broken"):
        page.ask(question)
        page.see(".reply[data-decision]:not([aria-busy]) .why")
        page.wait(lambda: not page.all("[aria-busy]"))
    page.script("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert page.script(sideways) == 0
    outside = """[...document.querySelectorAll('.asked, .reply *')].filter((one) => {
      const box = one.getBoundingClientRect();
      return box.left < 0 || box.right > innerWidth;
    }).length"""
    assert page.script(outside) == 0


def test_theme_and_language_are_remembered(page: Page) -> None:
    page.command(
        "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "light"}]
    )
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.script(background)
    page.see("#theme").click()
    assert page.script(background) != light
    page.ask("I lost my card")
    page.see(".sure", "92\u00a0% sure")
    page.see("#language").click()
    page.see("h1", "帮助中心")
    page.see(".sure", "92% 的把握")
    page.see("#fresh").click()
    page.open()
    page.see("#examples button", LOST_ZH)
    assert page.script("document.documentElement.lang") == "zh-CN"
    assert page.script(background) != light
    page.see("#theme").click()
    page.see("#language").click()
    page.open()
    page.see("#examples button", LOST_EN)
    assert page.script(background) == light
