"""In a real browser: from a draft to a published answer by keys, and editing in place."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from browser import needs_browser, seeing, waiting
from sample import Demo, Run
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.expected_conditions import alert_is_present
from server import running

pytestmark = needs_browser
PATIENCE_SECONDS = 60
SAUNA = {"id": "sauna", "question": "Where is the sauna?", "answer": "Upstairs.", "draft": True}
POOL = {"id": "pool", "question": "Where is the pool?", "answer": "=cmd()", "draft": True}


@pytest.fixture(scope="module")
def store(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("page") / "var"
    shutil.copytree(demo.store, store, symlinks=True, ignore=shutil.ignore_patterns("*.sqlite*"))
    return store


@pytest.fixture(scope="module")
def address(store: Path) -> Iterator[str]:
    with running(store) as found:
        yield found


@pytest.fixture
def see(driver: WebDriver) -> Callable[..., Any]:
    return seeing(driver, PATIENCE_SECONDS)


@pytest.fixture
def press(driver: WebDriver, see: Callable[..., Any]) -> Callable[..., None]:
    """Clicks in one step: the page may show its rows anew between finding and clicking."""
    click = """
    const fitting = (one) => one.textContent.includes(arguments[1]);
    [...document.querySelectorAll(arguments[0])].find(fitting).click();
    """

    def press(selector: str, text: str = "") -> None:
        see(selector, text)
        driver.execute_script(click, selector, text)

    return press


def ask(address: str, question: str) -> str | None:
    reply = httpx.post(f"{address}/v1/answers", json={"question": question}, timeout=60)
    answer: str | None = reply.json()["answer"]
    return answer


def test_from_a_draft_to_a_published_answer_by_keys(
    address: str, driver: WebDriver, see: Callable[..., Any], press: Callable[..., None]
) -> None:
    for draft in ({**SAUNA, "tags": ["seen twice"]}, POOL):
        assert httpx.post(f"{address}/v1/faqs", json=draft, timeout=60).status_code == 201
    driver.get(address)
    press("nav a", "Knowledge")
    see("#author").send_keys("Ann", Keys.TAB)
    press("#filters button", "Drafts 2")
    see("#rows li[aria-current=true]", "sauna")
    see("#rows mark", "seen twice")
    body = driver.find_element(By.TAG_NAME, "body")
    body.send_keys("w")
    see("#rows .preview", "golden questions")
    body.send_keys("a")
    see("#done", "found by its wordings from now on, untrained")
    assert ask(address, "where is the sauna") == "Upstairs."
    see("#rows li[aria-current=true]", "Where is the pool?")
    see("#rows .answer", "=cmd()")
    body.send_keys("r")
    see("#filters button", "Drafts 0")
    assert ask(address, "where is the pool") != "=cmd()"
    press("#filters button", "All")
    see("#search").send_keys("sauna", Keys.TAB)
    see("#rows li[aria-current=true]", "Where is the sauna?")

    body.send_keys("e")
    answer = see("form.entry textarea[name=answer]")
    answer.clear()
    answer.send_keys("In the yard.")
    press("form.entry [data-send=save]")
    see("#done", "is served")
    assert ask(address, "where is the sauna") == "In the yard."
    body.send_keys("h")
    see("#rows .history li", "Upstairs.")
    body.send_keys("u")
    see("#rows .answer", "Upstairs.")
    assert ask(address, "where is the sauna") == "Upstairs."
    changes = httpx.get(f"{address}/v1/faqs/history", params={"faq_id": "sauna"}, timeout=60)
    assert [(one["kind"], one["author"]) for one in changes.json()["changes"]] == [
        ("undo", "Ann"), ("edit", "Ann"), ("publish", "Ann"), ("add", "page"),
    ]  # fmt: skip
    assert [one for one in driver.get_log("browser") if one["level"] == "SEVERE"] == []


def test_of_an_import_u_takes_back_one_row_and_the_history_asks_before_it_takes_back_all(
    address: str, store: Path, run: Run, tmp_path: Path,
    driver: WebDriver, see: Callable[..., Any], press: Callable[..., None],
) -> None:  # fmt: skip
    table = tmp_path / "faqs.jsonl"
    mined = {"score": 0.7, "dialogues": 3, "agreeing": 2, "thanked": 1, "doubted": 0}
    mined |= {"asked_again": 0, "other_answers": ["In the yard."]}
    rows = [{"id": f"gym-{n}", "question": f"Where is gym {n}?", "answer": "Upstairs."}
            for n in range(3)]  # fmt: skip
    lines = [json.dumps({**row, "mined": mined}) + "\n" for row in rows]
    table.write_text("".join(lines), encoding="utf-8")
    done = run("faqs", "add", "--from", table, "--draft", "--store", store)
    assert done.returncode == 0, done.stderr
    driver.get(f"{address}/web/knowledge.html")
    see("#search").send_keys("gym", Keys.TAB)
    press("#rows li", "Where is gym 1?")
    see("#rows li[aria-current=true]", "gym-1")
    see("#rows .evidence", "Score 0.70: said in 2 of the 3 dialogues that ask this")
    see("#rows .evidence", "In the yard.")
    see("#rows .nearest", "Nearest that is served")
    body = driver.find_element(By.TAG_NAME, "body")
    body.send_keys("u")
    see("#done", "is made")

    def states() -> list[str]:
        found = httpx.get(f"{address}/v1/faqs", params={"search": "gym"}, timeout=60).json()
        return [row["state"] for row in found["rows"]]

    assert states() == ["draft", "removed", "draft"]
    httpx.post(f"{address}/v1/faqs/undo", json={"change": _last(address)}, timeout=60)
    press("#rows li", "Where is gym 2?")
    body.send_keys("h")
    press("#rows .history button", "Undo for all 3 FAQs")
    alert = waiting(driver, PATIENCE_SECONDS).until(alert_is_present())
    assert "3 FAQs together" in alert.text
    alert.dismiss()
    assert states() == ["draft"] * 3


def test_u_asks_before_it_takes_back_a_correction_of_two_faqs(
    address: str, driver: WebDriver, see: Callable[..., Any]
) -> None:
    for name in ("dock", "quay"):
        added = {"id": name, "question": f"Where is the {name}?", "answer": "Outside."}
        assert httpx.post(f"{address}/v1/faqs", json=added, timeout=60).status_code == 201
        said = {"answer_id": name, "question": "where do ships lie", "faq_id": name}
        assert httpx.post(f"{address}/v1/feedback", json=said, timeout=60).json()["live"]
    driver.get(f"{address}/web/knowledge.html")
    see("#search").send_keys("quay", Keys.TAB)
    see("#rows li[aria-current=true]", "Where is the quay?")
    driver.find_element(By.TAG_NAME, "body").send_keys("u")
    alert = waiting(driver, PATIENCE_SECONDS).until(alert_is_present())
    assert "2 FAQs together" in alert.text
    alert.accept()
    see("#done", "is made")
    found = httpx.get(f"{address}/v1/faqs", params={"search": "dock"}, timeout=60).json()["rows"]
    assert found[0]["live"]["heard"] == ["where do ships lie"]


def _last(address: str) -> int:
    changes = httpx.get(f"{address}/v1/faqs/history", timeout=60).json()["changes"]
    number: int = changes[0]["change"]
    return number


def test_a_translation_stands_beside_and_the_page_speaks_chinese(
    address: str, driver: WebDriver, see: Callable[..., Any], press: Callable[..., None]
) -> None:
    driver.get(f"{address}/web/knowledge.html")
    see("#search").send_keys("card is lost")
    press("#rows li", "What should I do if my card is lost or stolen?")
    press("#rows li[aria-current=true] [data-deed=add]")
    see("#editor textarea[name=question]").send_keys("银行卡丢了怎么办？")
    see("#editor textarea[name=answer]").send_keys("请先冻结。")
    press("#editor [data-send=save]")
    see("#done", "is served")
    press("#rows li", "What should I do if my card is lost or stolen?")
    see("#rows .beside", "请先冻结。")
    press("#language")
    see("h1", "知识库")
    see("#filters button", "已发布")
    assert ask(address, "银行卡丢了怎么办") == "请先冻结。"
    assert [one for one in driver.get_log("browser") if one["level"] == "SEVERE"] == []


def test_another_s_edit_meanwhile_is_told(
    address: str, driver: WebDriver, see: Callable[..., Any], press: Callable[..., None]
) -> None:
    made = httpx.post(f"{address}/v1/faqs", json={**SAUNA, "id": "spa", "draft": False}, timeout=60)
    driver.get(f"{address}/web/knowledge.html")
    see("#search").send_keys("spa", Keys.TAB)
    see("#rows li[aria-current=true]", "spa")
    driver.find_element(By.TAG_NAME, "body").send_keys("e")
    see("form.entry textarea[name=answer]").send_keys(" Mine.")
    theirs = {"question": "Where is the spa?", "answer": "Theirs.", "author": "Bob"}
    version = made.json()["rows"][0]["version"]
    assert httpx.put(f"{address}/v1/faqs/spa", json={**theirs, "version": version}, timeout=60)
    press("form.entry [data-send=save]")
    see("#trouble", "changed meanwhile by Bob")
    see("#trouble", "Theirs.")
    assert see("form.entry textarea[name=answer]").get_attribute("value") == "Upstairs. Mine."
