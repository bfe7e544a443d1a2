"""What is missing, found over the command line and HTTP, and closed on the page."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import polars as pl
import pytest
from browser import browser, needs_browser, seeing, waiting
from sample import Demo, Run
from selenium.webdriver.common.by import By
from server import running

from apps.customer_service.answers.retrieval import Floats
from apps.customer_service.conversation.session import open_dialogue
from apps.customer_service.gaps import cli, finding
from apps.customer_service.gaps.finding import Questions, find_gaps
from apps.customer_service.release import load_release
from apps.customer_service.schema import PassageSource, Quote
from common.learning.schema import Prediction
from common.learning.store import FeedbackStore
from common.releases.registry import Registry
from common.storage.database import DATABASE, Database

DAY = 86400.0
PARKING = [
    "Do you have a car park at the branch?",
    "Is there parking at your branch?",
    "Can I park my car at the branch?",
]
REPLACED = "What replaced the KR-7?"
FRAUD = "Who looks after phishing at your house?"
HAMSTER = "What does a hamster eat in winter?"
LOST = "What should I do if my card is lost or stolen?"
ANSWER = "Every branch has a free car park for customers."


def prediction(text: str, who: str, days_ago: float = 1, **members: str) -> Prediction:
    decision = members.get("decision", "handoff")
    return Prediction(
        id=f"{text} {who} {days_ago}",
        at=time.time() - days_ago * DAY,
        source="page",
        subject=who,
        release_id="r",
        text=text,
        decision=decision,
        given={"kind": members.get("kind", "question"), "intent": "i", "confidence": 0.1},
    )


@pytest.fixture(scope="module")
def store(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four people want to park, one of them is angry; one asks five times about a hamster."""
    copy = tmp_path_factory.mktemp("gaps") / "var"
    shutil.copytree(demo.store, copy, symlinks=True)
    wanted = zip([*PARKING, PARKING[0]], "abcd", strict=True)
    rows = [prediction(text, who) for text, who in wanted]
    rows[1] = rows[1].model_copy(update={"given": {"kind": "angry"}})
    rows += [prediction(HAMSTER, "e", days) for days in range(1, 6)]
    # Answered by now; answered then; too long ago.
    rows += [prediction(LOST, "f"), prediction("Fees?", "g", decision="answer")]
    rows += [prediction("Do you sell stamps?", "h", days_ago=40)]
    # Answered by a fact, and decided by a rule, where there are any.
    rows += [prediction(text, "i") for text in (REPLACED, FRAUD)]
    database = Database(copy / DATABASE)
    FeedbackStore(database, "customer_service").add(rows)
    database.close()
    return copy


@pytest.fixture(scope="module")
def beside(store: Path) -> list[str | Path]:
    """Facts and rules to answer by."""
    facts, rules = store.parent / "knowledge.csv", store.parent / "rules.toml"
    facts.write_text("subject,relation,object\nKR-9,successor of,KR-7\n", encoding="utf-8")
    rules.write_text(
        '[[rule]]\nname = "to a person"\nwhen = { any = ["phishing"] }\n'
        'action = "route"\nto = "fraud desk"\n',
        encoding="utf-8",
    )
    return ["--graph", facts, "--rules", rules]


@pytest.fixture(scope="module")
def address(store: Path, beside: list[str | Path]) -> Iterator[str]:
    with running(store, *beside) as found:
        yield found


def test_what_most_people_want_comes_first_and_what_is_answered_is_left_out(
    store: Path, run: Run, tmp_path: Path, beside: list[str | Path]
) -> None:
    out = tmp_path / "gaps.csv"
    done = run("gaps", "--store", store, *beside, "--out", out, "--json")
    found = json.loads(done.stdout)
    assert found["questions"] == 12
    first, second = found["gaps"]
    assert (first["asked"], first["people"], first["angry"]) == (4, 4, 1)
    assert sorted(first["examples"]) == sorted(PARKING)
    assert (second["question"], second["asked"], second["people"]) == (HAMSTER, 5, 1)
    assert pl.read_csv(out)["people"].to_list() == [4, 1]


def test_without_what_answers_them_they_are_missing(store: Path, run: Run) -> None:
    found = json.loads(run("gaps", "--store", store, "--json").stdout)
    assert {REPLACED, FRAUD} <= {gap["question"] for gap in found["gaps"]}


def test_rarer_wordings_are_told(
    store: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "MOST_TEXTS", 2)
    out = tmp_path / "gaps.csv"
    done = run("gaps", "--store", store, "--out", out, "--json")
    found = json.loads(done.stdout)
    assert (found["rarer"], found["rarer_asked"]) == (5, 5)
    assert "5 rarer wordings, asked 5 times" in done.stderr
    assert not found["is_cut"]
    assert pl.read_csv(out)["question"].to_list() == [gap["question"] for gap in found["gaps"]]
    monkeypatch.setattr(cli, "MOST_QUESTIONS", 3)
    cut = run("gaps", "--store", store, "--json")
    assert json.loads(cut.stdout)["is_cut"]
    assert "Only the latest 3 questions" in cut.stderr


class _Documents:
    """Quotes of parking, surely."""

    def quote(self, question: str, vector: Floats, *, language: str | None) -> Quote:
        source = PassageSource(passage_id="p", document="branch.pdf", title="Branch")
        is_sure = "park" in question
        return Quote(text="It has one.", confidence=0.9, is_sure=is_sure, source=source)


def test_what_a_document_answers_by_now_is_left_out(demo: Demo) -> None:
    registry = Registry(demo.store, "customer_service")
    release = registry.open()
    answerer = load_release(release, device="cpu")
    asked = [prediction(text, "a") for text in (PARKING[0], HAMSTER)]

    def missing(documents: _Documents | None) -> list[str]:
        quoting = replace(answerer, documents=documents)
        dialogue = open_dialogue(quoting, release, registry.root)
        questions = Questions.of(asked, quoting.faqs, dialogue.patterns)
        texts = questions.texts
        understood = dict(zip(texts, quoting.understand(texts), strict=True))
        return sorted(gap.question for gap in find_gaps(dialogue, questions, understood))

    assert missing(None) == sorted([PARKING[0], HAMSTER])
    assert missing(_Documents()) == [HAMSTER]


def test_over_http_as_on_the_command_line(address: str) -> None:
    found = httpx.get(f"{address}/v1/gaps", params={"days": 60}).json()
    assert [(gap["people"], gap["angry"]) for gap in found["gaps"]] == [(4, 1), (1, 0), (1, 0)]
    few = httpx.get(f"{address}/v1/gaps", params={"limit": 1}).json()
    assert (len(few["gaps"]), few["total"]) == (1, 2)
    exported = httpx.get(f"{address}/v1/gaps/export", params={"days": 60})
    assert exported.headers["Content-Disposition"].endswith('"gaps-60-days.csv"')
    assert pl.read_csv(exported.content)["people"].to_list() == [4, 1, 1]
    rows = httpx.get(f"{address}/v1/resolution", params={"by": "topic"}).json()["rows"]
    assert sum(row["contacts"] for row in rows) == 9
    proxied = {"X-Forwarded-For": "10.0.0.1"}
    for path in ("gaps", "gaps/export", "resolution"):
        assert httpx.get(f"{address}/v1/{path}", headers=proxied).status_code == 403


def test_what_is_not_ours_is_listed_apart_until_it_is_undone(
    address: str, store: Path, run: Run
) -> None:
    def listed(**more: bool) -> list[str]:
        gaps = httpx.get(f"{address}/v1/gaps", params={"days": 30, **more}).json()["gaps"]
        return [gap["question"] for gap in gaps]

    def say(*, dismissed: bool, headers: dict[str, str] | None = None) -> int:
        body = {"examples": [HAMSTER.upper()], "dismissed": dismissed}
        url = f"{address}/v1/gaps/dismissals"
        return httpx.post(url, json=body, headers=headers).status_code

    assert say(dismissed=True, headers={"X-Forwarded-For": "10.0.0.1"}) == 403
    assert HAMSTER in listed()
    assert say(dismissed=True) == 204
    assert (HAMSTER in listed(), listed(dismissed=True)) == (False, [HAMSTER])
    assert HAMSTER not in run("gaps", "--store", store).stdout
    kept = sqlite3.connect(store / DATABASE).execute("SELECT * FROM dismissed").fetchall()
    assert "hamster" not in str(kept).lower(), "what customers said is purged elsewhere"
    assert say(dismissed=False) == 204
    assert (HAMSTER in listed(), listed(dismissed=True)) == (True, [])


def test_nothing_asked_is_nothing_missing(demo: Demo, run: Run) -> None:
    assert "Nothing was left unanswered" in run("gaps", "--store", demo.store).stderr
    assert "Nothing was asked" in run("resolution", "--store", demo.store).stderr


@needs_browser
def test_from_a_gap_to_an_faq_that_closes_it(address: str, tmp_path: Path) -> None:
    with browser(tmp_path) as driver:
        see = seeing(driver, 30)
        driver.get(f"{address}/web/gaps.html")
        see("#weeks rect")
        first = see("#rows > li", "1 angry")
        assert see("#done").text == ""
        first.find_element(By.CSS_SELECTOR, "a.plain").click()
        assert see("#editor [name='question']").get_attribute("value") in PARKING
        see("#editor [name='answer']").send_keys(ANSWER)
        see("#editor [data-send='save']").click()
        see("#rows > li", ANSWER)
        driver.get(f"{address}/web/gaps.html")
        see("#rows > li", HAMSTER)
        assert PARKING[0] not in see("#rows").text
        see("#rows > li a.plain", "It is this FAQ").click()
        wordings = see("#rows [name='similar_questions']").get_attribute("value")
        assert HAMSTER in wordings.splitlines()
        driver.get(f"{address}/web/gaps.html")
        see("#rows > li button", "Not ours").click()
        see("#lists button", "Not ours 1")
        see("#done button", "Undo").click()
        see("#rows > li", HAMSTER)
        see("#ways button", "By topic").click()
        assert "contacts" in see("#weeks thead").text
        see("#ways button", "By language").click()
        see("#weeks tbody", "English")
        allowed = {"behavior": "allow", "downloadPath": str(tmp_path)}
        driver.execute_cdp_cmd("Browser.setDownloadBehavior", allowed)
        see("#export button").click()
        waiting(driver, 30).until(lambda _: [*tmp_path.rglob("gaps-30-days.csv")])
        assert driver.get_log("browser") == []
