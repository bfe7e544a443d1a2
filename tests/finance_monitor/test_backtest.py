"""A backtest of a bare feed finds what one of the scored feed finds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from command_line import run_here
from news import BAD, FLAT, at

QUIET_HOURS = 240


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
