"""`explain` of the monitor, and the same over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from command_line import run_here
from monitor_serving import copy_release, serving
from news import record

from apps.finance_monitor.direction.lexicon import Lexicon
from apps.finance_monitor.direction.weighing import Direction
from apps.finance_monitor.explaining.story import explain_story
from apps.finance_monitor.release import load_release
from common.releases.registry import Registry

TEXT = "Borel misses a payment to its lenders"
# Of which no word says by itself which way it points.
PLAIN = "Borel writes to the mayor of its town"


@pytest.mark.parametrize(
    ("text", "asked", "method"),
    [
        (PLAIN, "gradients", "gradients"),
        (PLAIN, "occlusion", "occlusion"),
        (TEXT, "occlusion", "occlusion"),
    ],
)
def test_the_words_of_a_sentiment_stand_in_the_text(
    release: Path, text: str, asked: str, method: str
) -> None:
    done = run_here(
        "finance_monitor", "explain", text, "--method", asked, "--store", release, "--json"
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    first = found["attributions"][0]
    assert (first["towards"], first["method"]) == (found["sentiment"], method)
    assert [text[word["start"] : word["end"]] for word in first["words"]] == text.split()
    assert any(word["weight"] for word in first["words"])
    assert 1 <= len(found["neighbours"]) <= 3


def test_words_that_tell_of_a_sentiment_by_themselves_take_part_in_its_explanation(
    release: Path,
) -> None:
    text = "Borel warns the mayor of heavy losses"
    trained = load_release(Registry(release, "finance_monitor").open())
    alone = replace(trained, direction=None)
    directed = replace(trained, direction=Direction(Lexicon({"unwelcome": ["mayor"]}), 2.0))
    assert explain_story(alone, text, "gradients").attributions[0].method == "gradients"
    before = explain_story(alone, text, "occlusion").attributions[0]
    after = explain_story(directed, text, "gradients").attributions[0]
    assert (before.towards, after.towards) == ("negative", "negative")
    assert after.method == "occlusion"
    assert after.words[3].text == "mayor"
    assert after.words[3].weight > before.words[3].weight + 0.5


def test_the_terminal_names_the_words_and_the_colours(release: Path) -> None:
    done = run_here("finance_monitor", "explain", TEXT, "--store", release)
    assert done.returncode == 0, done.stderr
    assert TEXT in done.stdout
    assert "Blue: for. Orange: against." in done.stdout


def test_a_text_without_words_is_refused(release: Path) -> None:
    done = run_here("finance_monitor", "explain", " …! ", "--store", release)
    assert done.returncode == 2
    assert "no words" in done.stderr


def test_a_story_is_explained_over_http(
    release: Path, tmp_path: Path, eventually: Callable[[Callable[[], bool]], None]
) -> None:
    with (
        serving(copy_release(release, tmp_path / "var")) as address,
        httpx.Client(base_url=address, timeout=60) as client,
    ):
        story = record("https://news.example/1", 1, TEXT).model_dump(mode="json")
        assert client.post("/v1/records", json={"records": [story]}).status_code == 202
        path = f"/v1/stories/{quote(story['id'], safe='')}/explanation"
        eventually(lambda: client.get(path).status_code == 200)
        found = client.get(path).json()
        assert found["text"] == TEXT
        assert found["attributions"][0]["words"][0]["text"] == "Borel"
        assert client.get("/v1/stories/none/explanation").status_code == 404
