"""Rules over stories: forced, forbidden, renamed and routed, in a file and over HTTP."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from command_line import run_here
from monitor_serving import copy_release, serving
from news import at
from rules_contract import check_live

RULES = """
[[rule]]
name = "meetings are bad"
when = { any = ["meeting", "盈利预警"] }
action = "force"
sentiment = "negative"

[[rule]]
name = "meetings are credit"
when = { any = ["meeting"] }
action = "force"
topic = "credit"

[[rule]]
name = "losses are not bad"
when = { any = ["heavy losses"] }
action = "forbid"
sentiment = "利空"

[[rule]]
name = "orders are read by a person"
when = { any = ["order"] }
action = "route"
to = "desk"

[[rule]]
name = "plain words"
action = "rename"
label = "negative"
to = { en = "Bad news", zh = "坏消息" }
"""
TEXTS = ("Borel holds its meeting", "Elmar warns of heavy losses", "Gault wins a large order")


@pytest.fixture
def store(release: Path, tmp_path: Path) -> Path:
    return copy_release(release, tmp_path / "var")


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.toml"
    path.write_text(RULES, encoding="utf-8")
    return path


def records(*texts: str) -> list[dict[str, str]]:
    made = enumerate(texts)
    return [{"id": str(n), "published_at": at(n).isoformat(), "text": text} for n, text in made]


def test_a_scored_file_says_what_rules_decided(store: Path, rules: Path, tmp_path: Path) -> None:
    feed, out = tmp_path / "feed.jsonl", tmp_path / "out.jsonl"
    lines = [json.dumps(one) for one in (*records(*TEXTS), {**records(TEXTS[0])[0], "id": "copy"})]
    feed.write_text("\n".join(lines), encoding="utf-8")
    done = run_here(
        "finance_monitor", "score", feed, "-o", out, "--rules", rules, "--store", store, "--json"
    )
    assert done.returncode == 0, done.stderr
    meeting, losses, order, copy = map(json.loads, out.read_text(encoding="utf-8").splitlines())
    for one in (meeting, copy):
        assert one["sentiment"]["label"] == "negative"
        assert one["sentiment"]["probabilities"]["negative"] < 0.5, "the model's own"
        assert one["topics"][0]["name"] == "credit"
        assert one["shown_as"] == {"negative": "Bad news"}
        assert one["decided_by"]["rule"] == "meetings are bad"
        assert one["decided_by"]["further"] == ["meetings are credit"]
    assert copy["duplicate_of"] == "0"
    assert losses["sentiment"]["label"] in {"neutral", "positive"}
    assert losses["decided_by"]["rule"] == "losses are not bad"
    assert order["routed_to"] == "desk"
    assert json.loads(done.stdout)["rules"] == {
        "meetings are bad": 1,
        "meetings are credit": 1,
        "losses are not bad": 1,
        "orders are read by a person": 1,
        "plain words": 0,
    }


def test_rules_over_http_are_live(store: Path, rules: Path) -> None:
    with serving(store, "--rules", str(rules)) as address:

        def score(text: str) -> Any:
            reply = httpx.post(f"{address}/v1/score", json={"records": records(text)}, timeout=60)
            return reply.raise_for_status().json()["records"][0]

        assert score("Elmar opens an office")["decided_by"] is None

        def decides() -> bool:
            return score(TEXTS[0])["decided_by"] is not None

        check_live(address, rules, "meetings are bad", decides, "")
        assert httpx.get(f"{address}/v1/status").json()["rules"]["meetings are bad"] > 1


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (RULES.replace('"credit"', '"credits"'), "Did you mean credit?"),
        (RULES.replace('"negative"\n\n', '"negativ"\n\n'), "rules.toml:6: rule 'meetings are bad'"),
        (RULES.replace("topic =", "faq_id ="), "rules.toml:12: rule 'meetings are credit'"),
    ],
)
@pytest.mark.parametrize("verb", ["score", "watch", "serve"])
def test_a_mistake_is_told_before_anything_is_loaded(
    store: Path, tmp_path: Path, written: str, message: str, verb: str
) -> None:
    path, feed = tmp_path / "rules.toml", tmp_path / "feed.jsonl"
    path.write_text(written, encoding="utf-8")
    feed.write_text("", encoding="utf-8")
    arguments = {"score": (feed, "-o", tmp_path / "out.csv"), "watch": (feed, "--once")}
    done = run_here(
        "finance_monitor", verb, *arguments.get(verb, ()), "--rules", path, "--store", store
    )
    assert done.returncode == 2
    assert message in done.stderr
    assert "Loading" not in done.stderr


def test_a_scored_feed_is_not_ruled_again(store: Path, rules: Path, tmp_path: Path) -> None:
    done = run_here(
        "finance_monitor", "watch", tmp_path / "x", "--scored", "--rules", rules, "--store", store
    )
    assert done.returncode == 2
    assert "scored already" in done.stderr
