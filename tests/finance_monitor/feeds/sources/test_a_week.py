"""A week of feeds in a few seconds: with outages, edits, missing dates, and a process that dies."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from publishing import NOON, Clock, Publisher, feed_of, item

from apps.finance_monitor.feeds.sources.rss import RssSource
from apps.finance_monitor.feeds.sources.source import iso
from apps.finance_monitor.feeds.sources.source_feed import SourcesPosition
from apps.finance_monitor.schema import FeedRecord

STEP = 7200.0
STEPS = 7 * 12
LISTED = 24


@dataclass
class Desk:
    """One feed: what it has published, and how it lists it."""

    name: str
    chance: Random
    texts: dict[str, str] = field(default_factory=dict)
    dates: dict[str, str] = field(default_factory=dict)

    def work(self, step: int) -> None:
        """Publish up to three items, and sometimes edit one of the last ten."""
        for _ in range(self.chance.choice((0, 1, 2, 3))):
            guid = f"{self.name}{len(self.texts)}"
            self.texts[guid] = f"Item {guid} as it was first told"
            published = iso(NOON + step * STEP - self.chance.choice((0, 60, 4000)))
            date = f"{published:%a, %d %b %Y %H:%M:%S} GMT"
            self.dates[guid] = self.chance.choice((date, date, "", "soon"))
        if self.texts and self.chance.random() < 0.3:
            guid = self.chance.choice([*self.texts][-10:])
            self.texts[guid] = f"Item {guid} as it was told again in step {step}"

    def items(self) -> list[str]:
        """The last of them, in any order, and one of them twice."""
        listed = [
            item(guid, self.texts[guid], self.dates[guid]) for guid in [*self.texts][-LISTED:]
        ]
        self.chance.shuffle(listed)
        return [*listed, *listed[:1]]


def test_nothing_is_lost_and_nothing_told_twice(
    publisher: Publisher, address: str, clock: Clock
) -> None:
    chance = Random(7)
    desks = [Desk(name, Random(name)) for name in "abc"]
    sources = [RssSource(url=f"{address}/{desk.name}", every=STEP / 2) for desk in desks]
    kept: SourcesPosition | None = None
    committed: list[FeedRecord] = []
    feed = feed_of(sources, clock=clock)
    restarts = lost = 0
    for step in range(STEPS + 12):
        for desk in desks:
            if step < STEPS:
                desk.work(step)
            publisher.rss(f"/{desk.name}", *desk.items())
            # Each is away for six hours once a day, at another time of the day.
            if (step + 4 * desks.index(desk)) % 12 < 3 and step < STEPS:
                publisher.documents[f"/{desk.name}"] = lambda _: 503
        clock.now += STEP
        for _ in range(6 if step < STEPS else 40):
            batch = feed.read_batch(chance.choice((1, 2, 5)), timeout=0.0)
            if chance.random() < 0.05:
                # It dies: before this batch is committed.
                feed.close()
                restarts, lost = restarts + 1, lost + len(batch.records)
                feed = feed_of(sources, kept, clock=clock)
                continue
            committed += batch.records
            if batch.position is not None:
                assert isinstance(batch.position, SourcesPosition)
                kept = SourcesPosition.model_validate_json(batch.position.model_dump_json())
            if not batch.records:
                break
    ids, told = [one.id for one in committed], [one.headline for one in committed]
    assert len(ids) == len(set(ids))
    assert len(told) == len(set(told))
    plain = {f"{address}/{desk.name}#{guid}" for desk in desks for guid in desk.texts}
    assert plain <= set(ids), "every item"
    assert {text for desk in desks for text in desk.texts.values()} <= set(told), "as it ended"
    assert all(one.published_at.timestamp() <= clock.now for one in committed)
    # It was a week worth the name.
    edits = len(ids) - len(plain)
    assert (len(plain) > 300, edits > 15, restarts > 10, lost > 10) == (True,) * 4
