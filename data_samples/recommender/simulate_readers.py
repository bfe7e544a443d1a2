"""Let 300 readers loose in the shop: writes users.csv, interactions.csv and impressions.csv.

python data_samples/recommender/simulate_readers.py

Most sessions are about one of the reader's interests. What is found there depends on the item's
tags, the reader's taste in categories, how well the item does with everyone and how new it is. One
find in five follows nothing but popularity, one in twenty nothing at all. README.md gives the
rules in full.
"""

from __future__ import annotations

import csv
import math
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from population import DAYS, START, Item, Reader, draw_reader, load_items

HERE = Path(__file__).parent
SEED = 20260302
READERS, SLATE = 300, 6
# How often the shop is visited, by the hour of the reader's day.
HOURS = [2, 1, 0, 0, 0, 1, 2, 5, 6, 5, 5, 5, 8, 7, 5, 5, 5, 6, 7, 9, 12, 13, 10, 5]


Event = dict[str, object]


def main() -> None:
    """Write the three files."""
    rng = random.Random(SEED)
    items = load_items(rng)
    readers = [draw_reader(number, items, rng) for number in range(1, READERS + 1)]
    events = [event for reader in readers for event in _events(reader, items, rng)]
    events.sort(key=lambda event: str(event["timestamp"]))
    _write("users.csv", [_features(reader) for reader in readers])
    _write("interactions.csv", [event for event in events if event["label"] != 0])
    _write("impressions.csv", [event for event in events if event["label"] == 0])


def _events(reader: Reader, items: list[Item], rng: random.Random) -> Iterator[Event]:
    for number, now in enumerate(_sessions(reader, rng), 1):
        offered = [item for item in items if item.created < now]
        found = _found(reader, offered, now, rng)
        if reader.device == "app":
            slate = _slate(reader, found, offered, now, rng)
            yield from _app_session(reader, f"{reader.user_id}-{number:03}", slate, now, rng)
        else:
            yield from _web_session(reader, found, now, rng)


def _web_session(
    reader: Reader, found: list[Item], now: datetime, rng: random.Random
) -> Iterator[Event]:
    for place, item in enumerate(found, 1):
        now += timedelta(seconds=rng.randrange(8, 240))
        yield _event(reader, item, "browse", now)
        if _clicks(reader, item, place, now, rng):
            now += timedelta(seconds=rng.randrange(3, 60))
            yield _event(reader, item, "click", now)
            yield from _after_click(reader, item, now, rng)


def _app_session(
    reader: Reader, impression: str, slate: list[Item], now: datetime, rng: random.Random
) -> Iterator[Event]:
    """All rows of an impression bear the time when it was shown."""
    later = now
    for place, item in enumerate(slate, 1):
        taken = _clicks(reader, item, place, now, rng)
        shown = {"impression_id": impression, "position": place, "label": int(taken)}
        yield _event(reader, item, "click", now) | shown
        if taken:
            later += timedelta(seconds=rng.randrange(8, 240))
            yield from _after_click(reader, item, later, rng)


def _sessions(reader: Reader, rng: random.Random) -> list[datetime]:
    """Heavy-tailed in number; more at weekends and in the evening of where the reader lives."""
    first = max(0.0, (reader.member_since - START).total_seconds() / 86400)
    days = range(math.ceil(first), DAYS)
    weekday = [1.4 if (START + timedelta(days=day)).weekday() > 4 else 1 for day in days]
    count = min(48, math.ceil(rng.lognormvariate(2.15, 1.05) * (0.3 + 0.7 * len(days) / DAYS)))
    east = 8 if reader.chinese_share > 0.5 else 0
    found = []
    for day in rng.choices(days, weekday, k=count):
        hour = (rng.choices(range(24), HOURS)[0] - east) % 24
        found.append(START + timedelta(days=day, hours=hour, seconds=rng.randrange(3600)))
    return sorted(found)


def _found(reader: Reader, offered: list[Item], now: datetime, rng: random.Random) -> list[Item]:
    """What the reader comes upon, one to five items, most of them about one interest."""
    interests = reader.interests(now)
    theme = rng.choices(list(interests), list(interests.values()))[0]
    found: list[Item] = []
    for _ in range(rng.choices([1, 2, 3, 4, 5], [3, 4, 3, 2, 1])[0]):
        if rng.random() < 0.25:
            theme = rng.choices(list(interests), list(interests.values()))[0]
        way = rng.random()
        weights = [_weight(reader, item, theme, way, now) for item in offered]
        item = rng.choices(offered, weights)[0]
        if item not in found:
            found.append(item)
    reader.seen.update(item.item_id for item in found)
    return found


def _weight(reader: Reader, item: Item, theme: str, way: float, now: datetime) -> float:
    read = reader.chinese_share if item.language == "zh" else 1 - reader.chinese_share
    if way < 0.05:
        return read
    if way < 0.25:
        return read * item.pull(now)
    again = 0.25 if item.item_id in reader.seen else 1
    close = item.affinity.get(theme, 0)
    return read * close * reader.taste[item.category] * math.sqrt(item.pull(now)) * again + 1e-9


def _slate(
    reader: Reader, found: list[Item], offered: list[Item], now: datetime, rng: random.Random
) -> list[Item]:
    """What the app shows: what will be found among what is popular, in any order."""
    slate = list(found)
    weights = [_weight(reader, item, "", 0.1, now) for item in offered]
    while len(slate) < SLATE:
        item = rng.choices(offered, weights)[0]
        if item not in slate:
            slate.append(item)
    rng.shuffle(slate)
    return slate


def _clicks(reader: Reader, item: Item, place: int, now: datetime, rng: random.Random) -> bool:
    examined = 1 / (1 + 0.1 * (place - 1))
    return rng.random() < examined * (0.08 + 0.8 * reader.liking(item, now))


def _after_click(reader: Reader, item: Item, now: datetime, rng: random.Random) -> Iterator[Event]:
    """A purchase once per book, then perhaps a comment, with stars if bought, and a share."""
    liking = reader.liking(item, now)
    dear = item.price / (150 if item.language == "en" else 75)
    affordable = math.exp(-(0.3 + 0.3 * reader.city_tier) * dear)
    sold = item.available and not item.is_news and item.item_id not in reader.bought
    bought = sold and rng.random() < 0.9 * liking * affordable
    if bought:
        reader.bought.add(item.item_id)
        now += timedelta(seconds=rng.randrange(60, 1500))
        yield _event(reader, item, "purchase", now)
    if rng.random() < (0.3 if bought else 0.12 * liking):
        now += timedelta(seconds=rng.randrange(60, 3600))
        stars = min(5, max(1, round(rng.gauss(2.6 + 1.8 * liking, 0.8))))
        yield _event(reader, item, "comment", now) | {"rating": stars if bought else ""}
    if rng.random() < (0.2 if item.is_news else 0.08) * liking:
        now += timedelta(seconds=rng.randrange(5, 600))
        yield _event(reader, item, "share", now)


def _event(reader: Reader, item: Item, behavior: str, now: datetime) -> Event:
    return {
        "user_id": reader.user_id,
        "item_id": item.item_id,
        "behavior": behavior,
        "timestamp": _written(now),
        "impression_id": "",
        "position": "",
        "label": "",
        "rating": "",
    }


def _features(reader: Reader) -> Event:
    return {
        "user_id": reader.user_id,
        "language": reader.language,
        "member_since": _written(reader.member_since),
        "city_tier": reader.city_tier,
        "device": reader.device,
    }


def _written(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def _write(name: str, rows: list[Event]) -> None:
    with (HERE / name).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
