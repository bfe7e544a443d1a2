"""Records dated ahead of the machine's clock: they would move event time, and are refused.

A verdict stands once it is committed: the same record, read again when its date has come nearer,
is one that was seen before. With a mended date it is another record. One whose verdict was not
committed, for the process died, is judged anew when it is read again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from apps.finance_monitor.feeds.feed import Rejected
from apps.finance_monitor.feeds.lines import reject
from apps.finance_monitor.schema import FeedRecord
from apps.finance_monitor.state.backend import Backend
from apps.finance_monitor.store import Store
from common.console import say

DAY = 24 * 3600.0


@dataclass(frozen=True)
class Ahead:
    """A refused record, known again by its id and its date; `refused_at` by the clock."""

    record: FeedRecord
    refused_at: float

    def to_rejected(self) -> Rejected:
        """As a bad row, with the reason."""
        published = self.record.published_at
        days = (published.timestamp() - self.refused_at) / DAY
        reason = (
            f"dated {published:%Y-%m-%d %H:%M} UTC, {days:,.1f} days ahead of this machine's clock:"
            " fix the feed's clock or this machine's"
        )
        content = self.record.model_dump_json(exclude_none=True).encode()
        return reject(f"id {self.record.id}", reason, content)


class Horizon:
    """Parts what may be believed from what is dated more than a day ahead of the clock.

    Args:
        clock: seconds since 1970; None: a past that is read again, whose dates are all believed.
    """

    def __init__(self, store: Store, clock: Callable[[], float] | None) -> None:
        self._store = store
        self._clock = clock
        self._has_warned = False

    def part(self, records: Sequence[FeedRecord]) -> tuple[list[FeedRecord], list[Ahead]]:
        """Those to go on with, and those refused now; those refused before are left out."""
        known = self._refused_before(records)
        now = self._clock() if self._clock else None
        believed: list[FeedRecord] = []
        ahead: dict[tuple[str, float], Ahead] = {}
        for record in records:
            published = record.published_at.timestamp()
            if (record.id, published) in known:
                continue
            if now is not None and published - now > DAY:
                ahead.setdefault((record.id, published), Ahead(record, now))
            else:
                believed.append(record)
        if ahead and not self._has_warned:
            self._has_warned = True
            first = next(iter(ahead.values())).to_rejected()
            say(f"Warning: rejected, as all such records will be: {first.place}, {first.reason}.")
        return believed, list(ahead.values())

    def _refused_before(self, records: Sequence[FeedRecord]) -> set[tuple[str, float]]:
        query = "SELECT id, published FROM refused WHERE id IN ({})"
        rows = self._store.rows_of(query, [record.id for record in records])
        return {(row["id"], row["published"]) for row in rows}


def write_refused(database: Backend, refused: Sequence[Ahead]) -> None:
    """Keep the verdicts; within the caller's transaction."""
    database.executemany(
        "INSERT INTO refused VALUES (?, ?, ?)",
        [(one.record.id, one.record.published_at.timestamp(), one.refused_at) for one in refused],
    )
