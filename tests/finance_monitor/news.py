"""Stories for tests, and the classifier's place taken by labels that are known."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

from apps.finance_monitor.schema import (
    FeedRecord,
    ScoredRecord,
    SentimentScore,
    TargetScore,
    TopicScore,
)

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
BAD = ("shares plunge after fraud", "warns of heavy losses", "misses its payment", "cuts jobs")
GOOD = ("profit jumps", "shares rally", "wins a large order", "beats forecasts")
FLAT = ("holds its meeting", "opens an office", "names a chairman", "files its report")


def at(hours: float) -> datetime:
    """So many hours after Monday, 2 March 2026."""
    return MONDAY + timedelta(hours=hours)


def record(identity: str, hours: float, text: str = "Alba opens an office") -> FeedRecord:
    return FeedRecord(id=identity, published_at=at(hours), text=text)


def story(
    identity: str,
    hours: float,
    label: str = "negative",
    *,
    topics: tuple[str, ...] = ("credit",),
    entities: tuple[str, ...] = (),
    text: str | None = None,
    duplicate_of: str | None = None,
) -> ScoredRecord:
    probabilities = {"positive": 0.05, "neutral": 0.05, "negative": 0.05} | {label: 0.9}
    return ScoredRecord(
        id=identity,
        published_at=at(hours),
        # Digests have no shingles in common: no story is a copy of another.
        text=text or f"{identity} {hashlib.sha256(identity.encode()).hexdigest()}",
        sentiment=SentimentScore(label=label, probabilities=probabilities),
        topics=[TopicScore(name=name, probability=0.9) for name in topics],
        entities=list(entities),
        duplicate_of=duplicate_of,
        release_id="r1",
    )


def towards(**sentiments: str) -> list[TargetScore]:
    """What a story says of each company, as sure as `story` is."""
    return [
        TargetScore(
            entity=name,
            sentiment=label,
            probabilities={"positive": 0.05, "neutral": 0.05, "negative": 0.05} | {label: 0.9},
        )
        for name, label in sentiments.items()
    ]


def quiet_then_surge(
    days: int = 10, surge_hours: int = 8, per_hour: int = 12, entity: str = "Alba"
) -> list[ScoredRecord]:
    """Days of mixed news on `credit`, then bad news on one company, then a quiet day."""
    stories = []
    for hour in range(24 * (days + 2)):
        for i, label in enumerate(("neutral", "positive", "negative", "neutral")):
            if hour % 3 == 0 or i < 2:
                stories.append(story(f"q{hour}-{i}", hour + i / 5, label))
    for hour in range(surge_hours):
        for i in range(per_hour):
            when = 24 * days + hour + i / per_hour
            stories.append(story(f"s{hour}-{i}", when, entities=(entity,)))
    return sorted(stories, key=lambda one: (one.published_at, one.id))
