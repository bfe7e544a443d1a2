"""Lay the stories out over 14 days: writes feed.jsonl and events.jsonl beside this file.

python data_samples/finance_monitor/assemble_feed.py
"""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
START = datetime(2026, 3, 2, tzinfo=UTC)
DAYS = 14
# When each event begins, the key that it is about, whether an alert is wanted, and its end.
EVENTS = {
    "orion-developer-day": (
        datetime(2026, 3, 5, 8, 0, tzinfo=UTC),
        "Orion Semiconductors",
        "quiet",
    ),
    "meridian-decline": (datetime(2026, 3, 6, 6, 0, tzinfo=UTC), "Meridian Airlines", "quiet"),
    "northgate-outage": (datetime(2026, 3, 10, 7, 40, tzinfo=UTC), "Northgate Bank", "surge"),
    "dongli-default": (datetime(2026, 3, 13, 1, 35, tzinfo=UTC), "东篱地产", "surge"),
}
# How news is spread over the hours of a day, in UTC: London and Shanghai wake at other times.
HOURS = {
    "en": [1, 1, 1, 1, 1, 2, 5, 10, 9, 7, 6, 6, 6, 6, 6, 7, 8, 6, 4, 3, 2, 2, 1, 1],
    "zh": [6, 10, 9, 7, 4, 5, 7, 8, 7, 6, 4, 4, 4, 3, 2, 1, 1, 1, 1, 1, 1, 1, 2, 4],
}
WEEKEND = 0.3
# One story in so many is told by a second outlet; one in so many arrives long after its time.
SYNDICATED, LATE = 8, 120
SEED = 20260302


def main() -> None:
    """Write both files."""
    rng = random.Random(SEED)
    lines = (HERE / "stories.jsonl").read_text(encoding="utf-8").splitlines()
    told: list[tuple[datetime, dict[str, Any]]] = []
    for number, story in enumerate(map(json.loads, lines)):
        time = _time(story, rng)
        told.append((time, story))
        for copy in story.get("copies", []):
            told.append((_event_time(story, copy["minutes"]), story | copy))
        if "event" not in story and number % SYNDICATED == 0:
            later = time + timedelta(minutes=rng.uniform(5, 90))
            told.append((later, story | {"source": "press"}))
    _write("feed.jsonl", _feed(told, rng))
    _write("events.jsonl", _events(told))


def _time(story: dict[str, Any], rng: random.Random) -> datetime:
    if "event" in story:
        return _event_time(story, story["minutes"])
    weights = [WEEKEND if (START + timedelta(days=day)).weekday() > 4 else 1 for day in range(DAYS)]
    day = rng.choices(range(DAYS), weights)[0]
    hour = rng.choices(range(24), HOURS[story["language"]])[0]
    return START + timedelta(days=day, hours=hour, seconds=rng.randrange(3600))


def _event_time(story: dict[str, Any], minutes: float) -> datetime:
    return EVENTS[story["event"]][0] + timedelta(minutes=minutes)


def _feed(told: list[tuple[datetime, dict[str, Any]]], rng: random.Random) -> list[dict[str, Any]]:
    arriving = []
    for number, (time, story) in enumerate(told):
        delay = rng.uniform(0, 4) if number % LATE else rng.uniform(60, 150)
        arriving.append((time + timedelta(minutes=delay), number, time, story))
    return [
        {
            "id": f"feed-{position:04}",
            "published_at": time.isoformat().replace("+00:00", "Z"),
            "text": story["text"],
            "source": story["source"],
            "language": story["language"],
        }
        for position, (_, _, time, story) in enumerate(sorted(arriving, key=lambda one: one[:2]), 1)
    ]


def _events(told: list[tuple[datetime, dict[str, Any]]]) -> list[dict[str, Any]]:
    found = []
    for name, (start, key, kind) in EVENTS.items():
        end = max(time for time, story in told if story.get("event") == name)
        found.append(
            {
                "name": name,
                "key": key,
                "start": start.isoformat().replace("+00:00", "Z"),
                "end": end.isoformat().replace("+00:00", "Z"),
                "kind": kind,
            }
        )
    return found


def _write(name: str, rows: list[dict[str, Any]]) -> None:
    content = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (HERE / name).write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
