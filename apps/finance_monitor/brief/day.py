"""One day out of the store, as a brief tells it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from statistics import mean, variance
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from apps.finance_monitor.alerts.operations import Case, cases
from apps.finance_monitor.schema import Sentiment
from apps.finance_monitor.store import Store
from apps.finance_monitor.storylines.lines import StoryLine
from apps.finance_monitor.storylines.reading import lines_between
from apps.finance_monitor.surges.alert import Spread, Told
from apps.finance_monitor.surges.keys import TOPIC, kind_of, name_of
from apps.finance_monitor.watchlists.watchlist import Watchlist, seen_by

DAYS_DRAWN = 14
# A day is compared with days of its kind, working days or weekends, of so many weeks before; with
# all of them where there are fewer than FEWEST of its kind.
WEEKS_BEFORE, FEWEST = 4, 3
# In standard deviations; as much, by chance, is about every tenth topic on a day.
MOVED_FROM = 1.65
MOST_MOVES = 4
# Who writes so many stories on such a day is silent by chance on one day of twenty.
SILENT_FROM = 3.0
MOST_ALERTS = 10_000


@dataclass(frozen=True)
class Day:
    """A calendar day of a zone."""

    date: date
    zone: ZoneInfo

    @property
    def start(self) -> float:
        """Seconds since 1970."""
        return datetime.combine(self.date, time.min, self.zone).timestamp()

    @property
    def end(self) -> float:
        """Seconds since 1970; the day may have 23 or 25 hours."""
        return self.before(-1).start

    def before(self, days: int) -> Day:
        """So many days earlier."""
        return Day(self.date - timedelta(days=days), self.zone)

    @property
    def is_weekend(self) -> bool:
        """Saturday or Sunday."""
        return self.date.weekday() >= 5


class Line(BaseModel):
    """A story line, told by its first story."""

    headline: str
    source: str | None
    url: str | None
    published_at: datetime
    stories: int
    sources: list[str]
    spread: list[Spread]
    otherwise: list[Told]


class Extremes(BaseModel):
    """The worst and the best story line of a watchlist; None: there was none of that kind."""

    name: str
    worst: Line | None
    best: Line | None


class Move(BaseModel):
    """A topic that rose or fell: its stories by day, the day of the brief last."""

    topic: str
    stories: int
    negative: int
    usual: float
    days: list[tuple[int, int]]


class Silent(BaseModel):
    """A source that usually writes, and did not."""

    source: str
    usual: float


class Brief(BaseModel):
    """What a day came to.

    Attributes:
        watchlist: the list that it was made for; None: all news.
        alerts: that were open at some time of the day, the most severe first.
    """

    day: date
    timezone: str
    watchlist: str | None
    stories: int
    copies: int
    negative: int
    positive: int
    alerts: list[Case]
    extremes: list[Extremes]
    rose: list[Move]
    fell: list[Move]
    silent: list[Silent]


def brief_of(
    store: Store, day: Day, watchlists: Sequence[Watchlist] = (), only: Watchlist | None = None
) -> Brief:
    """The brief of a day.

    Args:
        watchlists: each gets its worst and best story; without one, all news does.
        only: the alerts and stories of this list alone.
    """
    lines = lines_between(store, day.start, day.end)
    if only:
        lines = [line for line in lines if only.concerns(line.first)]
    companies = only.companies if only else ()
    labels = Counter(label for line in lines for label in _labels(line, companies))
    told = [only] if only else watchlists
    extremes = [
        _extremes(one.name, [line for line in lines if one.concerns(line.first)], one.companies)
        for one in told
    ]
    moves = _moves(store, day)
    stories = sum(len(line.stories) for line in lines)
    return Brief(
        day=day.date,
        timezone=day.zone.key,
        watchlist=only.name if only else None,
        stories=stories,
        copies=stories - len(lines),
        negative=labels["negative"],
        positive=labels["positive"],
        alerts=_alerts(store, day, only),
        extremes=extremes or [_extremes("", lines, ())],
        rose=[move for move in moves if move.stories > move.usual][:MOST_MOVES],
        fell=[move for move in moves if move.stories < move.usual][:MOST_MOVES],
        silent=_silent(store, day),
    )


def date_of(seconds: float, zone: ZoneInfo) -> date:
    """The date of a moment in a zone."""
    return datetime.fromtimestamp(seconds, zone).date()


def last_day(store: Store, zone: ZoneInfo) -> Day | None:
    """The day of the latest story; None where there is no story."""
    latest = store.rows("SELECT max(published) AS latest FROM stories")[0]["latest"]
    return Day(date_of(latest, zone), zone) if latest else None


def _alerts(store: Store, day: Day, only: Watchlist | None) -> list[Case]:
    order = ("critical", "warning", "notice")
    found = [
        case.model_copy(update={"alert": alert})
        for case in cases(store, MOST_ALERTS)
        if case.alert.fired_at
        and case.alert.starts_at.timestamp() < day.end
        and _end(case) > day.start
        and (alert := seen_by(only, case.alert))
    ]
    return sorted(
        found,
        key=lambda case: (
            bool(case.muted_by),
            order.index(case.alert.severity),
            case.alert.starts_at,
        ),
    )


def _end(case: Case) -> float:
    """When it was over; infinite while it goes on, of which nothing is kept until it changes."""
    alert = case.alert
    if alert.status != "resolved":
        return math.inf
    return (alert.ends_at or alert.window.end).timestamp()


def _extremes(name: str, lines: Sequence[StoryLine], companies: Sequence[str]) -> Extremes:
    """The worst and the best for these companies; of a line that names none, for its text."""

    def most(label: Sentiment) -> Line | None:
        best = max(
            (line for line in lines if label in _labels(line, companies)),
            key=lambda line: (_probability(line, label, companies), len(line.stories)),
            default=None,
        )
        return _line(best) if best else None

    return Extremes(name=name, worst=most("negative"), best=most("positive"))


def _labels(line: StoryLine, companies: Sequence[str]) -> set[Sentiment | None]:
    return {score.label for score in line.first.sentiments_for(companies)}


def _probability(line: StoryLine, label: Sentiment, companies: Sequence[str]) -> float:
    """The highest for one of the companies; 0 where it is not known."""
    scores = line.first.sentiments_for(companies)
    return max(score.probabilities.get(label, 0.0) for score in scores if score.label == label)


def _line(line: StoryLine) -> Line:
    first = line.first
    return Line(
        headline=first.headline,
        source=first.source,
        url=first.url,
        published_at=first.published_at,
        stories=len(line.stories),
        sources=line.sources,
        spread=line.spread,
        otherwise=line.told_otherwise,
    )


def _moves(store: Store, day: Day) -> list[Move]:
    """Topics whose stories of the day are far from usual, the farthest first."""
    since = day.before(7 * WEEKS_BEFORE).start
    counted: dict[str, dict[date, tuple[int, int]]] = {}
    for row in store.rows(
        "SELECT key, start, stories, negative FROM windows WHERE start >= ? AND start < ?",
        since,
        day.end,
    ):
        if kind_of(row["key"]) == TOPIC:
            days = counted.setdefault(name_of(row["key"]), {})
            on = date_of(row["start"], day.zone)
            stories, negative = days.get(on, (0, 0))
            days[on] = (stories + row["stories"], negative + row["negative"])
    before = _days_before(store, day)
    found = []
    for topic, days in counted.items():
        past = [days.get(one.date, (0, 0))[0] for one in before]
        stories, negative = days.get(day.date, (0, 0))
        if (far := _deviation(stories, past)) is not None and abs(far) >= MOVED_FROM:
            drawn = [days.get(day.before(n).date, (0, 0)) for n in range(DAYS_DRAWN)]
            move = Move(
                topic=topic,
                stories=stories,
                negative=negative,
                usual=round(mean(past), 1),
                days=drawn[::-1],
            )
            found.append((abs(far), move))
    return [move for _, move in sorted(found, key=lambda one: (-one[0], one[1].topic))]


def _days_before(store: Store, day: Day) -> list[Day]:
    """The days that this one is compared with: none before the first story."""
    first = store.rows("SELECT min(published) AS first FROM stories")[0]["first"]
    earlier = [day.before(n) for n in range(1, 7 * WEEKS_BEFORE + 1)]
    # The first day may be a part of one.
    whole = [one for one in earlier if first is not None and one.start >= first]
    alike = [one for one in whole if one.is_weekend == day.is_weekend]
    return alike if len(alike) >= FEWEST else whole


def _deviation(count: int, past: Sequence[int]) -> float | None:
    """How far a count is from those of the past, in standard deviations of the forecast."""
    if len(past) < FEWEST:
        return None
    usual = mean(past)
    # Counts scatter at least as Poisson's do.
    spread = max(variance(past), usual, 1.0) * (1 + 1 / len(past))
    return (count - usual) / math.sqrt(spread)


def _silent(store: Store, day: Day) -> list[Silent]:
    before = _days_before(store, day)
    if len(before) < FEWEST:
        return []
    wanted = {one.date for one in before}
    counts: Counter[str] = Counter()
    heard: set[str] = set()
    for row in store.rows(
        f"SELECT {store.sql.text_at('content', 'source')} AS source, published FROM stories"
        " WHERE published >= ? AND published < ?",
        day.before(7 * WEEKS_BEFORE).start,
        day.end,
    ):
        if row["source"] is None:
            continue
        if row["published"] >= day.start:
            heard.add(row["source"])
        elif date_of(row["published"], day.zone) in wanted:
            counts[row["source"]] += 1
    return [
        Silent(source=source, usual=round(count / len(before), 1))
        for source, count in counts.most_common()
        if source not in heard and count >= SILENT_FROM * len(before)
    ]
