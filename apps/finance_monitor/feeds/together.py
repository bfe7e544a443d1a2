"""Two feeds heard as one, each with its own position."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field, ValidationError

from apps.finance_monitor.feeds.feed import Batch, Feed, Position


class TogetherPosition(Position):
    """The position of each feed by its name, as JSON."""

    together: dict[str, str] = Field(min_length=1)


def parts_of(position: str | None) -> dict[str, str] | None:
    """The positions of several feeds; None where it is that of one, or none yet."""
    try:
        return TogetherPosition.model_validate_json(position or "").together
    except ValidationError:
        return None


def only_part(position: str | None, name: str) -> str | None:
    """The position of a feed that is heard alone now, and perhaps was among others before."""
    kept = parts_of(position)
    return position if kept is None else kept.get(name)


class Together:
    """Takes from each feed in turn; a batch is of one feed, in its order.

    Args:
        feeds: by name; the last of them may wait for what is to come.
        position: what was committed of each.
    """

    def __init__(self, feeds: Mapping[str, Feed], position: Mapping[str, str]) -> None:
        self._feeds = dict(feeds)
        self._kept = dict(position)
        self._turn = [*feeds]
        self._last: dict[str, Batch] = {}
        self._given: str | None = None

    def read_batch(self, max_records: int, timeout: float = 1.0) -> Batch:
        """At most `max_records`; waits `timeout` seconds for the first."""
        last = [*self._feeds][-1]
        for name, seconds in [*((name, 0.0) for name in self._turn), (last, timeout)]:
            batch = self._last[name] = self._feeds[name].read_batch(max_records, seconds)
            if batch.records or batch.rejected:
                # Whoever has just been heard comes last.
                self._turn.remove(name)
                self._turn.append(name)
                break
        return self._among_others(name, batch)

    def _among_others(self, name: str, batch: Batch) -> Batch:
        if batch.position is not None:
            self._kept[name] = batch.position.model_dump_json()
        self._given = name
        last = self._last.values()
        return Batch(
            batch.records,
            batch.rejected,
            TogetherPosition(together=dict(self._kept)) if self._kept else None,
            sum(one.backlog for one in last),
            len(last) == len(self._feeds) and all(one.ended for one in last),
            {source: why for one in last for source, why in one.outages.items()},
            [source for one in last for source in one.sources],
        )

    def acknowledge(self, position: Position) -> None:
        """Acknowledge the batch that was given last."""
        if self._given and (kept := self._last[self._given].position):
            self._feeds[self._given].acknowledge(kept)

    def close(self) -> None:
        """Close all of them."""
        for feed in self._feeds.values():
            feed.close()
