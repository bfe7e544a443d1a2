"""Which answers settled the matter: nobody came back with it within seven days."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Literal

from common.learning.schema import CHAT, PERSON, RULE, Prediction
from common.records.text import language_of

DAYS = 7
SECONDS = DAYS * 86400.0
Outcome = Literal["durable", "came_back", "not_answered", "too_early"]
By = Literal["language", "topic", "week"]


@dataclass(frozen=True)
class Contact:
    """One customer with one matter.

    A customer is whom the caller named as `user`; without that, a conversation.

    Attributes:
        at: when it began, seconds since 1970.
        topic: the intent, or the id of the FAQ that came first.
        release_id: of the release that was asked first.
    """

    at: float
    customer: str
    release_id: str
    language: str
    topic: str
    outcome: Outcome


@dataclass(frozen=True)
class Resolved:
    """How the contacts of one group ended; `share` of those that are old enough to tell."""

    group: str
    contacts: int
    durable: int
    came_back: int
    not_answered: int
    too_early: int

    @property
    def share(self) -> float | None:
        """What was answered for good, of what is old enough to tell; None where nothing is."""
        told = self.contacts - self.too_early
        return self.durable / told if told else None


def contacts(
    asked: Iterable[Prediction], now: float, *, since: float = 0.0, by_topic: bool = True
) -> list[Contact]:
    """What customers came with, oldest first.

    Questions of one customer with one topic, each within seven days of the one before, are one
    contact. It is durable if there was one question, it was answered, and no other came. How one
    ended is told of all or none that began on the same day: seven days later.

    Args:
        asked: from seven days before `since`, so that who comes back is not taken for new.
        since: what began earlier is left out; seconds since 1970.
        by_topic: if not, all that a customer asks is one topic.
    """

    def matter(one: Prediction) -> tuple[str, str]:
        return _customer(one), _topic(one) if by_topic else ""

    told = [one for one in asked if one.decision not in {CHAT, PERSON, RULE}]
    told.sort(key=lambda one: (*matter(one), one.at))
    found = []
    for _, group in groupby(told, key=matter):
        for chain in _chains(list(group)):
            found.append(
                Contact(
                    at=chain[0].at,
                    customer=_customer(chain[0]),
                    release_id=chain[0].release_id,
                    language=language_of(chain[0].text),
                    topic=_topic(chain[0]),
                    outcome=_outcome(chain, now),
                )
            )
    return sorted((one for one in found if one.at >= since), key=lambda one: one.at)


def resolved(found: Sequence[Contact], by: By) -> list[Resolved]:
    """How contacts ended, by language, topic or the Monday of their week (UTC)."""
    groups: dict[str, list[Outcome]] = defaultdict(list)
    for one in found:
        groups[_week(one.at) if by == "week" else getattr(one, by)].append(one.outcome)
    rows = [
        Resolved(
            group=name,
            contacts=len(ended),
            durable=ended.count("durable"),
            came_back=ended.count("came_back"),
            not_answered=ended.count("not_answered"),
            too_early=ended.count("too_early"),
        )
        for name, ended in groups.items()
    ]
    if by == "week":
        return sorted(rows, key=lambda row: row.group)
    return sorted(rows, key=lambda row: (-row.contacts, row.group))


def _chains(asked: Sequence[Prediction]) -> Iterator[list[Prediction]]:
    chain = [asked[0]]
    for one in asked[1:]:
        if one.at - chain[-1].at > SECONDS:
            yield chain
            chain = []
        chain.append(one)
    yield chain


def _outcome(chain: Sequence[Prediction], now: float) -> Outcome:
    # A failure shows at once, a success after seven days: of young contacts, failures alone would
    # be counted, and the latest week, or the newer release, look bad.
    if now - chain[0].at <= SECONDS:
        return "too_early"
    if len(chain) > 1:
        return "came_back"
    return "durable" if chain[0].decision == "answer" else "not_answered"


def _customer(one: Prediction) -> str:
    return one.subject or one.source


def _topic(one: Prediction) -> str:
    return str(one.given.get("intent") or one.given.get("faq_id") or "")


def _week(at: float) -> str:
    day = datetime.fromtimestamp(at, UTC).date()
    return (day - timedelta(days=day.weekday())).isoformat()
