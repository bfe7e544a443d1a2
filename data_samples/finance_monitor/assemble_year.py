"""Lay the stories out over the year 2025: writes year.jsonl and year_calendar.jsonl beside it.

python data_samples/finance_monitor/assemble_year.py

An ordinary day draws its headlines, by chance, from the texts of the other files; what happens on
the days of year_events.jsonl is told by that file's own. A story carries the sentiment that it was
written with.
"""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
BEGIN, DAYS = datetime(2025, 1, 1, tzinfo=UTC), 365
# Headlines of an ordinary day, before the weekend's share.
FEWEST, MOST, WEEKEND = 3, 8, 0.5
# In UTC, from London's and Shanghai's mornings on.
HOURS = {"en": (6, 20), "zh": (0, 14)}
SEED = 2025


def main() -> None:
    """Write the year, and when each of its events began and ended."""
    rng = random.Random(SEED)
    told = [*_ordinary(rng)]
    events = [json.loads(line) for line in _lines("year_events.jsonl")]
    calendar = []
    for event in events:
        times = _times(event, rng)
        told += [
            (time, {"text": text, "language": event["language"], "sentiment": event["sentiment"]})
            for time, text in zip(times, event["texts"], strict=True)
        ]
        ends = {"start": _written(times[0]), "end": _written(times[-1])}
        calendar.append({name: event[name] for name in ("name", "key", "kind")} | ends)
    told.sort(key=lambda one: (one[0], one[1]["text"]))
    year = [
        {"id": f"year-{number:04}", "published_at": _written(time), **story}
        for number, (time, story) in enumerate(told, 1)
    ]
    _write("year.jsonl", year)
    _write("year_calendar.jsonl", calendar)


def _ordinary(rng: random.Random) -> list[tuple[datetime, dict[str, Any]]]:
    names = ("news.en", "news.zh", "test.en", "test.zh", "stories")
    known = [json.loads(line) for name in names for line in _lines(f"{name}.jsonl")]
    pool = [
        {name: one[name] for name in ("text", "language", "sentiment")}
        for one in known
        if "event" not in one
    ]
    told, deck = [], list[dict[str, Any]]()
    for day in range(DAYS):
        date = BEGIN + timedelta(days=day)
        count = rng.randint(FEWEST, MOST)
        for _ in range(count if date.weekday() < 5 else round(count * WEEKEND)):
            # A text is told again only when all have been told.
            if not deck:
                deck = rng.sample(pool, len(pool))
            story = deck.pop()
            first, last = HOURS[story["language"]]
            told.append((date + timedelta(hours=rng.uniform(first, last)), story))
    return told


def _times(event: dict[str, Any], rng: random.Random) -> list[datetime]:
    """When each text of an event is told: the first at once, and most soon after."""
    begin = datetime.fromisoformat(event["start"])
    later = sorted(rng.betavariate(1, 2) for _ in event["texts"][1:])
    return [begin, *(begin + timedelta(hours=event["hours"] * share) for share in later)]


def _written(time: datetime) -> str:
    return time.replace(microsecond=0).isoformat().replace("+00:00", "Z")


def _lines(name: str) -> list[str]:
    return (HERE / name).read_text(encoding="utf-8").splitlines()


def _write(name: str, rows: list[dict[str, Any]]) -> None:
    content = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (HERE / name).write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
