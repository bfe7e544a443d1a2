"""What is missing, found over the command line and HTTP, and closed on the page."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import polars as pl
import pytest
from browser import browser, needs_browser, seeing
from sample import Demo, Run
from selenium.webdriver.common.by import By
from server import running

from common.learning.schema import Prediction
from common.learning.store import FeedbackStore
from common.storage.database import DATABASE, Database

DAY = 86400.0
PARKING = [
    "Do you have a car park at the branch?",
    "Is there parking at your branch?",
    "Can I park my car at the branch?",
]
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
    database = Database(copy / DATABASE)
    FeedbackStore(database, "customer_service").add(rows)
    database.close()
    return copy


@pytest.fixture(scope="module")
def address(store: Path) -> Iterator[str]:
    with running(store) as found:
        yield found


def test_what_most_people_want_comes_first_and_what_is_answered_is_left_out(
    store: Path, run: Run, tmp_path: Path
) -> None:
    out = tmp_path / "gaps.csv"
    done = run("gaps", "--store", store, "--out", out, "--json")
    found = json.loads(done.stdout)
    assert found["questions"] == 10
    first, second = found["gaps"]
    assert (first["asked"], first["people"], first["angry"]) == (4, 4, 1)
    assert sorted(first["examples"]) == sorted(PARKING)
    assert (second["question"], second["asked"], second["people"]) == (HAMSTER, 5, 1)
    assert pl.read_csv(out)["people"].to_list() == [4, 1]


def test_over_http_as_on_the_command_line(address: str) -> None:
    found = httpx.get(f"{address}/v1/gaps", params={"days": 60}).json()
    assert [(gap["people"], gap["angry"]) for gap in found["gaps"]] == [(4, 1), (1, 0), (1, 0)]
    few = httpx.get(f"{address}/v1/gaps", params={"limit": 1}).json()
    assert len(few["gaps"]) == 1
    rows = httpx.get(f"{address}/v1/resolution", params={"by": "topic"}).json()["rows"]
    assert sum(row["contacts"] for row in rows) == 8
    proxied = {"X-Forwarded-For": "10.0.0.1"}
    for path in ("gaps", "resolution"):
        assert httpx.get(f"{address}/v1/{path}", headers=proxied).status_code == 403


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
        assert driver.get_log("browser") == []
