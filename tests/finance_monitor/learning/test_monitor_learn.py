"""A corrected story makes the next release better; nobody alone makes it worse."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from command_line import run_here
from monitor_serving import copy_release, serving
from news import GOOD, at, story

from apps.finance_monitor.release import direction_of
from apps.finance_monitor.state.opening import store_path
from apps.finance_monitor.store import Store
from common.learning.schema import Feedback
from common.learning.store import FeedbackStore
from common.learning.watching.drift import DriftFigure
from common.learning.watching.state import DriftState
from common.releases.expectations import load_expectations
from common.releases.registry import Registry
from common.storage.database import Database

# Words that training never saw, all of them bad.
RECALLS = ("recalls its drug", "halts the trial", "pulls the vaccine", "stops the clinic study")
NAMES = ("Hobart", "Ingram", "Jarvis", "Keller")


@pytest.fixture
def store(release: Path, tmp_path: Path) -> Path:
    return copy_release(release, tmp_path / "var")


def add(store: Path, rows: Sequence[Feedback]) -> None:
    database = Database(store / "bizlm.sqlite")
    FeedbackStore(database, "finance_monitor").add(rows)
    database.close()


def said(text: str, source: str = "desk", *, trusted: bool = True, **wanted: Any) -> Feedback:
    return Feedback(
        at=1.0, source=source, trusted=trusted, kind="correction", text=text, wanted=wanted
    )


def learn(store: Path, *more: str) -> tuple[int, dict[str, Any]]:
    done = run_here("finance_monitor", "learn", *more, "--store", store, "--json")
    return done.returncode, json.loads(done.stdout) if done.stdout else {"error": done.stderr}


@pytest.mark.slow
def test_corrections_of_a_new_sector_are_learned(store: Path) -> None:
    texts = [f"{name} {what}" for name in NAMES for what in RECALLS]
    add(store, [said(text, sentiment="negative") for text in texts])
    before = Registry(store, "finance_monitor").current_id()
    seen = [DriftFigure("length", 9.5, has_drifted=True)]
    DriftState(str(before), "stories", 900, seen).save(store / "finance_monitor")
    code, learned = learn(store, "--promote")
    assert (code, learned["promoted"]) == (0, True), learned
    assert learned["corrections"]["taken"] == len(texts)
    new = learned["comparison"]["new"]
    assert learned["comparison"]["new_is_held_out"]
    assert new["after"] >= new["before"]
    assert {"sentiment", "topics"} <= learned["comparison"]["groups"].keys()
    release = Registry(store, "finance_monitor").open()
    assert release.release_id == learned["release_id"] != before
    assert release.manifest["parent"] == before
    directed = direction_of(release)
    assert release.manifest["direction"] == (directed and directed.to_json())
    assert {"invariance", "minimum functionality"} == learned["comparison"]["expectations"].keys()
    assert load_expectations(release)
    page = (release.directory / "report.html").read_text(encoding="utf-8")
    for told in ("recalls its drug", "<h2>Learning</h2>", "900 stories", "measured: length"):
        assert told in page

    code, again = learn(store)
    assert (code, again["verdict"]) == (0, "There is nothing new to learn.")


def test_a_candidate_is_not_made_twice(store: Path) -> None:
    add(store, [said(f"{NAMES[0]} {what}", sentiment="negative") for what in RECALLS])
    code, made = learn(store, "--by", "sentiment,topic")
    groups = made["comparison"]["groups"]
    assert {"sentiment negative", "topic credit"} <= groups.keys()
    assert not any(name.startswith("language") for name in groups)
    again, same = learn(store, "--by", "sentiment,topic")
    assert (again, same["release_id"], same["made_before"]) == (code, made["release_id"], True)
    assert len(Registry(store, "finance_monitor").all()) == 2
    code, unknown = learn(store, "--by", "weather")
    assert code == 2
    assert "label, language, source, sentiment, topic, segment" in unknown["error"]


def test_one_stranger_teaches_nothing_and_learns_why(store: Path) -> None:
    add(store, [said(f"Borel {what}", "x", trusted=False, sentiment="negative") for what in GOOD])
    code, learned = learn(store, "--promote")
    assert (code, learned["release_id"]) == (0, None)
    reasons = {one["reason"] for one in learned["left_out"]}
    assert "waits for 2 sources, or a person" in reasons


def test_sentiment_and_topic_of_a_story_do_not_contradict_each_other(store: Path) -> None:
    text = "Hobart recalls its drug"
    rows = [said(text, sentiment="positive"), said(text, topics=["credit"])]
    add(store, [*rows, said(text, sentiment="negative").model_copy(update={"at": 2.0})])
    _, learned = learn(store)
    assert learned["corrections"]["taken"] == 2
    (left,) = learned["left_out"]
    assert left["reason"] == "its source said something else later"


def test_an_unknown_topic_is_left_out_and_named(store: Path) -> None:
    add(store, [said("Hobart sails", topics=["shipping"]), said("Hobart drifts", sentiment="meh")])
    _, learned = learn(store)
    assert learned["release_id"] is None
    reasons = sorted(one["reason"] for one in learned["left_out"])
    assert reasons[0].startswith("the release knows no topic 'shipping'")
    assert reasons[1] == "there is no sentiment 'meh'"


def test_what_was_purged_is_in_no_later_release(store: Path) -> None:
    done = run_here("finance_monitor", "feedback", "purge", "--text", "Gault profit jumps",
                    "--store", store, "--json")  # fmt: skip
    first = Registry(store, "finance_monitor").current_id()
    assert json.loads(done.stdout)["releases"] == [first]
    code, learned = learn(store, "--promote")
    assert code in {0, 3}
    made = Registry(store, "finance_monitor").open(learned["release_id"])
    for path in made.directory.rglob("*"):
        assert not path.is_file() or b"Gault profit jumps" not in path.read_bytes()


def test_a_purge_finds_a_text_that_a_link_was_taken_out_of(store: Path, tmp_path: Path) -> None:
    table = tmp_path / "corrections.csv"
    table.write_text("text,sentiment\nJarvis halts the trial https://a.example/x,negative\n")
    run_here("finance_monitor", "feedback", "import", table, "--store", store)
    code, learned = learn(store)
    assert learned["corrections"]["taken"] == 1
    assert code in {0, 3}
    done = run_here("finance_monitor", "feedback", "purge", "--text", "https://a.example/x",
                    "--store", store, "--json")  # fmt: skip
    assert json.loads(done.stdout)["releases"] == [learned["release_id"]]


def test_a_story_is_corrected_over_http(store: Path) -> None:
    news = {"id": "n1", "published_at": at(1).isoformat(), "text": "Keller pulls the vaccine"}
    with serving(store) as address, httpx.Client(base_url=address, timeout=60) as client:
        assert client.post("/v1/records", json={"records": [news]}).status_code == 202
        for _ in range(200):
            right = {"story_id": "n1", "sentiment": "negative", "topics": ["credit"]}
            reply = client.post("/v1/feedback", json=right)
            if reply.status_code != 404:
                break
            time.sleep(0.1)
        assert reply.status_code == 201, reply.text
        assert reply.json()["counts_alone"]
        rows = client.get("/v1/feedback", params={"kind": "correction"}).json()["rows"]
        assert [row["wanted"] for row in rows] == [
            {"sentiment": "negative"}, {"topics": ["credit"]},
        ]  # fmt: skip
        assert all(row["text"] == "Keller pulls the vaccine" for row in rows)
        nothing = client.post("/v1/feedback", json={"story_id": "n1"})
        unknown = client.post("/v1/feedback", json={"story_id": "n1", "topics": ["sailing"]})
        nobody = client.post("/v1/feedback", json={"story_id": "?", "sentiment": "negative"})
    assert (nothing.status_code, unknown.status_code, nobody.status_code) == (422, 422, 404)
    assert "there are: company, credit" in unknown.json()["detail"]


def test_the_last_stories_are_put_to_the_candidate(store: Path) -> None:
    release_id = Registry(store, "finance_monitor").current_id()
    kept = Store(store_path(store / "finance_monitor"))
    stories = [
        story(f"s{n}", float(n), text=f"{name} {RECALLS[0]}").model_copy(
            update={"release_id": release_id}
        )
        for n, name in enumerate(NAMES)
    ]
    with kept.transaction() as database:
        database.executemany(
            "INSERT INTO stories (id, published, entities, content) VALUES (?, ?, '[]', ?)",
            [(one.id, one.published_at.timestamp(), one.model_dump_json()) for one in stories],
        )
    kept.close()
    # So few that none is held out, which would be learned twice more.
    add(store, [said(f"{NAMES[0]} {what}", sentiment="negative") for what in RECALLS])
    _, learned = learn(store, "--shadow", "30d")
    assert learned["shadow"]["asked"] == len(NAMES)
    for one in learned["shadow"]["disagreements"]:
        assert one["serving"] != one["candidate"]
