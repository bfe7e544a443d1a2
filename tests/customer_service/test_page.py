"""The page in a real browser, against a server that keeps the HTTP contract and knows its lines."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
from browser import browser, needs_browser, waiting
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.remote.webelement import WebElement

from apps.customer_service.server import WEB
from common.serving.page import add_page

pytestmark = needs_browser

POLICY = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
SECONDS_TO_APPEAR = 10
KEY = "right-key"
RELEASE = "2026-11-23T0915-3fa2c1"

LOST_EN = "What should I do if my card is lost or stolen?"
LOST_ZH = "银行卡丢了怎么挂失？"
FREEZE_EN = "Freeze the card straight away in the app under Cards > Freeze card."
FREEZE_ZH = "请马上在手机银行「我的—银行卡—挂失」里操作，挂失即时生效。"
HOSTILE = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
TIMINGS = {"queue": 1.2, "encode": 21.4, "search": 3.1, "total": 25.7}
EXAMPLES = {
    "en": [LOST_EN, "How do I activate my new card?", "Why was my transfer refused?", "Fees?"],
    "zh": [LOST_ZH, "新卡收到后怎么激活？", "转账为什么被退回？", "年费多少？"],
}

SHOWN = """
return [...document.querySelectorAll(arguments[0])]
  .filter((one) => one.checkVisibility() && one.textContent.includes(arguments[1]))
"""


def reply(decision: str, **members: Any) -> dict[str, Any]:
    base = {
        "id": "5f0c2d9e41b74c0a",
        "release_id": RELEASE,
        "decision": decision,
        "answer": None,
        "confidence": 0.92,
        "intent": {
            "name": "card_lost_stolen",
            "confidence": 0.871,
            "alternatives": [{"name": "card_arrival", "confidence": 0.06}],
        },
        "citations": [],
        "suggestions": [],
        "handoff": None,
        "timings_ms": TIMINGS,
    }
    return base | members


def cite(faq_id: str, question: str, score: float, url: str | None = None) -> dict[str, Any]:
    return {"faq_id": faq_id, "question": question, "score": score, "url": url}


def suggest(faq_id: str, question: str, answer: str) -> dict[str, Any]:
    return {"faq_id": faq_id, "question": question, "answer": answer}


FOUND = suggest("found", "I found my lost card again. Can I still use it?", "Unfreeze it.")
ABROAD = suggest("abroad", "Can I use my card abroad?", "Yes, in every country.\n\nNo fee.")
LINES: dict[str, dict[str, Any]] = {
    "I lost my card": reply(
        "answer",
        answer=FREEZE_EN,
        citations=[
            cite("lost", LOST_EN, 0.91, "https://help.bank.example/cards/lost"),
            cite("found", FOUND["question"], 0.44),
        ],
        suggestions=[FOUND],
    ),
    "卡丢了怎么办": reply(
        "answer",
        answer=FREEZE_ZH,
        confidence=0.88,
        citations=[cite("zh-lost", LOST_ZH, 0.9, "https://help.bank.example/zh/lost")],
    ),
    "What is the weather?": reply(
        "handoff",
        confidence=0.03,
        intent={"name": "out_of_scope", "confidence": 0.97, "alternatives": []},
        citations=[cite("abroad", ABROAD["question"], 0.1)],
        handoff={"reason": "out_of_scope"},
    ),
    "My thing is broken": reply(
        "handoff",
        confidence=0.21,
        citations=[cite("found", FOUND["question"], 0.3)],
        suggestions=[FOUND],
        handoff={"reason": "not_sure", "message": "Call 0808 157 0140."},
    ),
    "card": reply(
        "clarify",
        confidence=0.41,
        citations=[
            cite("found", FOUND["question"], 0.5, "https://help.bank.example/cards/found"),
            cite("abroad", ABROAD["question"], 0.48),
        ],
        suggestions=[FOUND, ABROAD],
    ),
    "Only intents here": reply("answer"),
    "rent and hours": reply(
        "answer",
        answer="Rent is £145. Come at nine.",
        confidence=0.8,
        citations=[cite("rent", "What is the rent?", 0.8)],
        sentences=[
            {
                "text": "Rent is £145.",
                "source": {"kind": "faq", "id": "rent", "title": "What is the rent?"},
            },
            {
                "text": "Come at nine.",
                "source": {
                    "kind": "passage",
                    "id": "p",
                    "title": f"Boxes > {HOSTILE}",
                    "document": "boxes.pdf",
                    "page": 2,
                    "url": "https://help.bank.example/boxes",
                },
            },
        ],
        composed_by="compose",
    ),
    HOSTILE: reply(
        "answer",
        answer=f"Answer {HOSTILE}",
        citations=[cite("x", f"Source {HOSTILE}", 0.9, "javascript:document.title='owned'")],
        suggestions=[suggest("y", f"Near {HOSTILE}", HOSTILE)],
        intent={"name": HOSTILE, "confidence": 0.5, "alternatives": []},
    ),
    "long": reply(
        "answer",
        answer="\n".join(["A" * 400, "كيف حالك اليوم " * 40, "字" * 3000]),
        citations=[cite("l", "Q" * 300, 0.9, "https://help.bank.example/" + "p" * 300)],
        suggestions=[suggest("m", "N" * 300, "n")],
    ),
}
LINES["card\nabroad"] = LINES["card"]


def problem(status: int, detail: str, **headers: str) -> Response:
    content = {"title": "Problem", "status": status, "detail": detail}
    return JSONResponse(content, status, headers=headers, media_type="application/problem+json")


@dataclass
class Fake:
    """The server under the page: its address, what it was asked, how it misbehaves."""

    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    # Answers the next questions in place of the usual reply, one each.
    troubles: list[Response] = field(default_factory=list)
    needs_key: bool = False
    cuts_off: bool = False

    def reset(self) -> None:
        self.asked.clear()
        self.troubles.clear()
        self.needs_key = self.cuts_off = False


def events(found: dict[str, Any], fake: Fake) -> Iterator[str]:
    def event(name: str, data: dict[str, Any]) -> str:
        return f"event: {name}\r\ndata: {json.dumps(data, ensure_ascii=False)}\r\n\r\n"

    yield event("start", found | {"answer": None})
    yield ": still here\r\n\r\n"
    text = found["answer"] or ""
    for begin in range(0, len(text), 20):
        yield event("delta", {"text": text[begin : begin + 20]})
    if fake.cuts_off:
        return
    # In two pieces: a browser gets no promise that an event arrives whole.
    done = event("done", found)
    yield done[:50]
    yield done[50:]


def refused(request: Request, fake: Fake) -> Response | None:
    if not fake.needs_key or request.headers.get("authorization") == f"Bearer {KEY}":
        return None
    return problem(401, "Send a valid API key.")


async def never_ending() -> AsyncIterator[str]:
    yield 'event: delta\ndata: {"text": "Wait for it"}\n\n'
    await asyncio.sleep(SECONDS_TO_APPEAR)


async def respond(request: Request, fake: Fake) -> Response:
    body = await request.json()
    fake.asked.append(body)
    if fake.troubles:
        return fake.troubles.pop(0)
    if body["question"] == "never ending":
        return StreamingResponse(never_ending(), media_type="text/event-stream")
    found = LINES.get(body["question"], LINES["I lost my card"])
    return StreamingResponse(events(found, fake), media_type="text/event-stream")


def build(fake: Fake) -> FastAPI:
    app = FastAPI()

    @app.middleware("http")
    async def policy(
        request: Request, call_next: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        response = await call_next(request)
        response.headers["Content-Security-Policy"] = POLICY
        return response

    @app.post("/v1/answers")
    async def answers(request: Request) -> Response:
        return refused(request, fake) or await respond(request, fake)

    @app.get("/v1/examples")
    async def examples(request: Request, language: str) -> Response:
        found = {"examples": EXAMPLES[language], "release_id": RELEASE}
        return refused(request, fake) or JSONResponse(found)

    add_page(app, WEB)
    return app


@pytest.fixture(scope="module")
def server() -> Iterator[Fake]:
    fake = Fake()
    config = uvicorn.Config(build(fake), port=0, log_level="error", lifespan="off")
    running = uvicorn.Server(config)
    ready = threading.Event()

    async def main() -> None:
        serving = asyncio.create_task(running.serve())
        while not running.started:
            await asyncio.sleep(0.01)
        fake.url = f"http://127.0.0.1:{running.servers[0].sockets[0].getsockname()[1]}/"
        ready.set()
        await serving

    thread = threading.Thread(target=asyncio.run, args=(main(),), daemon=True)
    thread.start()
    assert ready.wait(SECONDS_TO_APPEAR)
    yield fake
    running.should_exit = running.force_exit = True
    thread.join()


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDriver]:
    profile = tmp_path_factory.mktemp("chromium")
    with browser(profile, "force-prefers-reduced-motion", "window-size=1200,800") as driver:
        yield driver


class Page:
    """What a visitor does and sees."""

    def __init__(self, driver: WebDriver, server: Fake) -> None:
        self.driver = driver
        self.server = server

    def open(self, language: str = "en-US") -> None:
        agent = self.driver.execute_script("return navigator.userAgent")
        self.command("Emulation.setUserAgentOverride", userAgent=agent, acceptLanguage=language)
        self.driver.get(self.server.url)
        self.see("#examples button")

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

    def see(self, selector: str, text: str = "") -> WebElement:
        """The last shown match that holds the text, once there is one."""

        def shown() -> WebElement | None:
            fitting = self.driver.execute_script(SHOWN, selector, text)
            return fitting[-1] if fitting else None

        return self.wait(shown)

    def press(self, *keys: str) -> None:
        self.driver.switch_to.active_element.send_keys(*keys)

    def focused(self) -> str:
        return self.driver.execute_script("return document.activeElement.id")

    def ask(self, question: str) -> None:
        self.wait(lambda: not self.all("#send.stops"))
        self.see("#question").send_keys(question, Keys.ENTER)

    def script(self, source: str) -> Any:
        return self.driver.execute_script(f"return {source}")


@pytest.fixture
def page(chromium: WebDriver, server: Fake) -> Iterator[Page]:
    server.reset()
    opened = Page(chromium, server)
    opened.command("Emulation.clearDeviceMetricsOverride")
    opened.open()
    yield opened
    opened.script("[localStorage.clear(), sessionStorage.clear()]")
    # A refused request is logged by the browser itself; everything else would be ours.
    logged = chromium.get_log("browser")
    assert [one for one in logged if "Failed to load resource" not in one["message"]] == []
    requested = opened.script("performance.getEntriesByType('resource').map((one) => one.name)")
    assert [url for url in requested if not url.startswith(server.url)] == []


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
    page.see(".callout", "没有把握回答，帮您转人工")


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
