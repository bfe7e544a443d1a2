"""What a story says of each company: shown, explained and corrected, over HTTP and on the page."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from browser import browser, needs_browser, seeing
from monitor_serving import copy_release, serving
from news import record, story

from apps.finance_monitor.schema import SentimentScore, TargetScore
from apps.finance_monitor.state.opening import store_path
from apps.finance_monitor.store import Store

TEXT = "Borel profit jumps while Cinder warns of heavy losses, the lender says"
COMPANIES = "name,references,ticker\nBorel,,BRL\nCinder,the lender,\nDorset,,\n"
LABELS = {"positive", "neutral", "negative"}


@pytest.fixture(scope="module")
def address(release_of_companies: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    store = copy_release(release_of_companies, tmp_path_factory.mktemp("companies") / "var")
    entities = store / "entities.csv"
    entities.write_text(COMPANIES, encoding="utf-8")
    with serving(store, "--entities", str(entities)) as served:
        given = record("given", 3, "Its shipyard halts all work on both ferries for a week")
        stories = [
            record("split", 1, TEXT),
            record("alone", 2, "Dorset opens an office"),
            given.model_copy(update={"entities": ["BRL"]}),
        ]
        body = {"records": [one.model_dump(mode="json") for one in stories]}
        assert httpx.post(f"{served}/v1/records", json=body).status_code == 202
        deadline = time.monotonic() + 60
        while len(httpx.get(f"{served}/v1/stories").json()) < len(stories):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield served


@pytest.fixture
def client(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, timeout=60) as opened:
        yield opened


def _story(client: httpx.Client, identity: str) -> Any:
    stories = client.get("/v1/stories").json()
    return next(one for one in stories if one["id"] == identity)


def test_each_company_has_probabilities_of_its_own(client: httpx.Client) -> None:
    borel, cinder = _story(client, "split")["targets"]
    assert (borel["entity"], cinder["entity"]) == ("Borel", "Cinder")
    for one in (borel, cinder):
        assert one["probabilities"].keys() == LABELS
        assert sum(one["probabilities"].values()) == pytest.approx(1, abs=0.001)
    assert borel["probabilities"] != cinder["probabilities"]
    alone = _story(client, "alone")
    assert alone["targets"][0]["probabilities"] == alone["sentiment"]["probabilities"]


def test_the_words_behind_one_company_stand_in_the_text(client: httpx.Client) -> None:
    path = "/v1/stories/split/explanation"
    found = client.get(path, params={"company": "Cinder"}).json()
    assert found["text"] == TEXT
    [towards] = found["attributions"]
    assert towards["towards"] in LABELS
    for word in towards["words"]:
        assert TEXT[word["start"] : word["end"]] == word["text"]
    assert [word["text"] for word in towards["words"]] == TEXT.replace(",", "").split()
    of_borel = client.get(path, params={"company": "Borel"}).json()["attributions"][0]
    assert of_borel["words"] != towards["words"]
    assert "Cinder" in found["sentences"]["auditor"]["en"]
    assert "“Cinder”" in found["sentences"]["customer"]["zh"]
    assert client.get(path, params={"company": "Dorset"}).status_code == 404


def test_the_only_company_is_explained_by_the_text(client: httpx.Client) -> None:
    path = "/v1/stories/alone/explanation"
    of_company = client.get(path, params={"company": "Dorset"}).json()
    assert of_company["attributions"] == client.get(path).json()["attributions"]


def test_what_is_right_of_one_company_is_kept_with_how_the_text_calls_it(
    client: httpx.Client,
) -> None:
    targets = [
        {"entity": "Borel", "sentiment": "negative"},
        {"entity": "Cinder", "sentiment": "利好"},
    ]
    reply = client.post("/v1/feedback", json={"story_id": "split", "targets": targets})
    assert reply.status_code == 201, reply.text
    rows = client.get("/v1/feedback", params={"kind": "correction"}).json()["rows"]
    rows = [row for row in rows if row["id"] in reply.json()["ids"]]
    assert [row["wanted"] for row in rows] == [
        {"entity": "Borel", "target": "negative"},
        {"entity": "Cinder", "target": "positive", "mentions": "Cinder|the lender"},
    ]
    assert {row["text"] for row in rows} == {TEXT}
    assert [row["given"]["entity"] for row in rows] == ["Borel", "Cinder"]


@pytest.mark.parametrize(("identity", "company"), [("alone", "Dorset"), ("given", "BRL")])
def test_of_the_only_company_the_sentiment_of_the_text_is_corrected(
    client: httpx.Client, identity: str, company: str
) -> None:
    targets = [{"entity": company, "sentiment": "negative"}]
    reply = client.post("/v1/feedback", json={"story_id": identity, "targets": targets})
    assert reply.status_code == 201, reply.text
    rows = client.get("/v1/feedback", params={"kind": "correction"}).json()["rows"]
    [row] = [row for row in rows if row["id"] in reply.json()["ids"]]
    assert row["wanted"] == {"sentiment": "negative"}
    assert row["given"]["sentiment"] == _story(client, identity)["sentiment"].get("label")


def test_a_company_is_asked_about_as_the_feed_calls_it(client: httpx.Client) -> None:
    path = "/v1/stories/given/explanation"
    assert client.get(path, params={"company": "BRL"}).status_code == 200
    assert client.get(path, params={"company": "Borel"}).status_code == 404
    # By its ticker, where the story has it by its name.
    path = "/v1/stories/split/explanation"
    assert client.get(path, params={"company": "BRL"}).status_code == 200


def test_a_company_that_the_story_does_not_name_is_told(client: httpx.Client) -> None:
    other = [{"entity": "Dorset", "sentiment": "negative"}]
    reply = client.post("/v1/feedback", json={"story_id": "split", "targets": other})
    assert reply.status_code == 422
    assert "it names: Borel, Cinder" in reply.json()["detail"]


def test_a_release_that_judges_no_companies_says_so(
    release: Path, tmp_path: Path, eventually: Callable[[Callable[[], bool]], None]
) -> None:
    store = copy_release(release, tmp_path / "var")
    with serving(store) as served, httpx.Client(base_url=served, timeout=60) as client:
        one = record("one", 1).model_copy(update={"entities": ["Alba", "Borel"]})
        body = {"records": [one.model_dump(mode="json")]}
        client.post("/v1/records", json=body)
        eventually(lambda: bool(client.get("/v1/stories").json()))
        targets = [{"entity": "Alba", "sentiment": "negative"}]
        path = "/v1/stories/one/explanation"
        replies = [
            client.post("/v1/feedback", json={"story_id": "one", "targets": targets}),
            client.get(path, params={"company": "Alba"}),
        ]
        assert client.get(path).status_code == 200
    for reply in replies:
        assert reply.status_code == 422
        assert "no sentiment towards companies" in reply.json()["detail"]


@needs_browser
@pytest.mark.parametrize(
    ("language", "title", "why"),
    [("en", "Correct the sentiment towards Cinder", "Why? Cinder"),
     ("zh", "更正对“Cinder”的情绪", "为什么？Cinder")],
)  # fmt: skip
def test_the_page_shows_corrects_and_explains_each_company(
    address: str, tmp_path: Path, language: str, title: str, why: str
) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.select import Select

    with browser(tmp_path) as driver:
        see = seeing(driver, 30)
        driver.get(address)
        see("#stories .companies li", "Borel")
        if language == "zh":
            driver.find_element(By.ID, "language").click()
        place = see(f"#stories select[aria-label='{title}']")
        right = "neutral" if place.get_attribute("data-label") != "neutral" else "positive"
        Select(place).select_by_value(right)
        see(f"#stories select[aria-label='{title}'][data-corrected]")
        with httpx.Client(base_url=address) as client:
            rows = client.get("/v1/feedback", params={"kind": "correction"}).json()["rows"]
        assert rows[-1]["wanted"]["entity"] == "Cinder"
        assert rows[-1]["wanted"]["target"] == right
        driver.find_element(By.CSS_SELECTOR, f"#stories [aria-label='{why}']").click()
        see("#stories .companies .explanation mark")
        # The only company of a text has the text's sentiment, which stands there already.
        assert len(driver.find_elements(By.CSS_SELECTOR, "#stories .companies > li")) == 2
        severe = [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]
        assert not severe


@needs_browser
def test_the_page_shows_the_only_company_where_texts_are_not_judged(
    release_of_companies: Path, tmp_path: Path
) -> None:
    from selenium.webdriver.common.by import By

    store = copy_release(release_of_companies, tmp_path / "var")
    one = story("one", 1, topics=(), entities=("Alba",))
    one.sentiment, one.targets = SentimentScore(probabilities={}), [TargetScore(entity="Alba")]
    kept = Store(store_path(store / "finance_monitor"))
    with kept.transaction():
        kept.add_stories([(1, one, None)], [])
    kept.close()
    with serving(store) as served, browser(tmp_path) as driver:
        see = seeing(driver, 30)
        driver.get(served)
        see("#stories .companies select[aria-label='Correct the sentiment towards Alba']")
        assert len(driver.find_elements(By.CSS_SELECTOR, "#stories select")) == 1
