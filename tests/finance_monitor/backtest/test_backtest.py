"""A backtest of a bare feed finds what one of the scored feed finds."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from command_line import run_here
from news import BAD, FLAT, at, quiet_then_surge
from news import story as a_story
from receiving import an_alert

from apps.finance_monitor.alerts.operations import Case
from apps.finance_monitor.backtest.outcome import LabelledEvent
from apps.finance_monitor.backtest.replay import Replay
from apps.finance_monitor.surges.budget import parse_budget
from apps.finance_monitor.watch.monitor import Rules

QUIET_HOURS = 240
DAYS = timedelta(days=2)


def _write_feed(path: Path) -> None:
    """Ten days of calm news, two stories in six hours, then bad news six times an hour."""
    stories = [(6 * n + i / 2, FLAT[(n + i) % 4]) for n in range(40) for i in range(2)]
    stories += [(QUIET_HOURS + i / 6, BAD[i % 4]) for i in range(36)]
    lines = [
        {"id": str(n), "published_at": at(hours).isoformat(), "text": f"Company {n} {phrase}"}
        for n, (hours, phrase) in enumerate(stories)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def _alerts(*arguments: object) -> list[dict[str, Any]]:
    done = run_here("finance_monitor", "backtest", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return [case["alert"] for case in json.loads(done.stdout)["alerts"]]


def test_scored_before_or_not_the_alerts_are_the_same(release: Path, tmp_path: Path) -> None:
    feed, scored = tmp_path / "feed.jsonl", tmp_path / "scored.jsonl"
    _write_feed(feed)
    done = run_here("finance_monitor", "score", feed, "-o", scored, "--store", release)
    assert done.returncode == 0, done.stderr
    found = _alerts(feed, "--store", release)
    assert "market" in {alert["key"] for alert in found}
    assert any(story["words"] for alert in found for story in alert["evidence"])
    # Without the model at hand, nobody can say which words made a story negative.
    for alert in found:
        for story in alert["evidence"]:
            story["words"] = []
    assert found == _alerts(scored, "--scored", "--store", release)


def test_a_past_longer_than_the_stores_memory_is_judged_whole(
    release: Path, tmp_path: Path
) -> None:
    """Half a year: days, alerts and further budgets speak of all of it."""
    lines = []
    for n in range(6 * 180):
        story = {
            "id": str(n),
            "published_at": at(4 * n).isoformat(),
            "text": f"Company {n} {FLAT[n % 4]}",
            "sentiment": {"label": "neutral", "probabilities": {"neutral": 1.0}},
            "release_id": "r",
        }
        lines.append(story)
    for surge in (20, 90, 175):
        lines += [
            {
                "id": f"{surge}-{i}",
                "published_at": at(24 * surge + i / 6).isoformat(),
                "text": f"{surge} {i} {BAD[i % 4]}",
                "sentiment": {"label": "negative", "probabilities": {"negative": 1.0}},
                "release_id": "r",
            }
            for i in range(36)
        ]
    lines.sort(key=lambda line: str(line["published_at"]))
    history = tmp_path / "history.jsonl"
    history.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    done = run_here(
        "finance_monitor", "backtest", history, "--scored", "--store", release,
        "--budget", "1 per 30d", "--budget", "1 per 90d", "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["days"] == pytest.approx(179.8, abs=0.2)
    starts = [case["alert"]["starts_at"][:10] for case in found["alerts"]]
    expected = [at(24 * surge).date().isoformat() for surge in (20, 90, 175)]
    assert starts == expected
    for under in found["sweep"]:
        assert [case["alert"]["starts_at"][:10] for case in under["alerts"]] == expected
        assert under["days"] == found["days"]
    same = found["sweep"][0]["alerts"]
    assert [c["alert"] for c in same] == [c["alert"] for c in found["alerts"]]


def test_a_lists_budget_is_tried_on_the_past_and_who_hears_indirectly_is_told(
    release: Path, tmp_path: Path
) -> None:
    surges = quiet_then_surge(days=6, surge_hours=4, per_hour=12)
    mild = quiet_then_surge(days=6, surge_hours=2, per_hour=2, entity="Borel")
    later = [
        one.model_copy(update={"id": f"m{one.id}", "published_at": one.published_at + DAYS})
        for one in mild
        if one.published_at >= at(24 * 6)
    ]
    history = tmp_path / "history.jsonl"
    lines = [one.model_dump_json() + "\n" for one in [*surges, *later]]
    history.write_text("".join(lines), encoding="utf-8")
    (tmp_path / "events.csv").write_text(
        f"name,key,start,end\nAlba,Alba,{at(144).isoformat()},{at(147).isoformat()}\n"
    )
    (tmp_path / "entities.csv").write_text("name\nAlba\nBorel\nCinder\n")
    (tmp_path / "relations.csv").write_text("company,relation,other\nAlba,supplier,Cinder\n")
    lists = tmp_path / "watchlists.toml"

    def heard(budget: str) -> dict[str, tuple[int, int, int]]:
        lists.write_text(
            f'[[watchlist]]\nname = "own"\ncompanies = ["Borel"]\n{budget}\n'
            '[[watchlist]]\nname = "customers"\ncompanies = ["Cinder"]\n'
            'notify = ["mailto://a:b@c.de"]\n'
        )
        done = run_here(
            "finance_monitor", "backtest", history, "--scored", "--store", release, "--json",
            "--entities", tmp_path / "entities.csv", "--relations", tmp_path / "relations.csv",
            "--watchlists", lists, "--events", tmp_path / "events.csv", "--budget", "1 per 90d",
            "--false-alarms", "1 per 10y",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        assert found["notified"] == 1
        assert found["sweep"][0]["watchlists"] == found["watchlists"]
        return {
            one["name"]: tuple(len(one[k]) for k in ("notified", "indirect", "false_alarms"))
            for one in found["watchlists"]
        }

    assert heard("") == {"own": (0, 0, 0), "customers": (1, 1, 0)}
    assert heard('false_alarms = "1 per 1d"') == {"own": (1, 0, 1), "customers": (1, 1, 0)}


def test_an_alert_that_goes_on_speaks_of_what_began_meanwhile() -> None:
    event = LabelledEvent(name="e", key="Alba", start=at(20), end=at(30))
    assert event.explains(Case(alert=an_alert()))
    assert not event.explains(Case(alert=an_alert(status="resolved")))


def test_what_counted_for_no_alert_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    newest_first = [a_story(f"s{hour}", hour).model_dump_json() for hour in range(9, 0, -1)]
    path = tmp_path / "past.jsonl"
    path.write_text("\n".join([*newest_first, "{}"]) + "\n", encoding="utf-8")
    Replay(path, None, Rules(parse_budget("1 per 30d"))).store.close()
    said = " ".join(capsys.readouterr().err.split())
    assert "1 rows are no records" in said
    assert "past.jsonl:10: published_at: Field required" in said
    assert "8 of 9 stories came after their windows had closed" in said
