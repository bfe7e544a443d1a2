"""Read a Kafka topic, all its partitions; where each goes on is kept with what came of it.

The offsets that the broker keeps for the group are written, for those who look at its lag, and
never read: what counts is committed in the monitor's own store, in one transaction with all that
was derived.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from time import monotonic, time
from typing import Any

from apps.finance_monitor.feeds.feed import Batch, Position, Rejected
from apps.finance_monitor.feeds.kafka.address import read_address
from apps.finance_monitor.feeds.kafka.connection import (
    ANSWER_SECONDS,
    START_SECONDS,
    Connection,
)
from apps.finance_monitor.feeds.kafka.partitions import Message, Partitions
from apps.finance_monitor.feeds.lines import parse, reject, sort
from apps.finance_monitor.schema import FeedRecord
from common.console import say
from common.errors import UserError

FETCHED_TOGETHER = 500
SLICE_SECONDS = 0.1


class KafkaPosition(Position):
    """The offset that comes next, by partition; `cluster`: its id, None where none was told."""

    topic: str
    cluster: str | None = None
    offsets: dict[int, int]


class KafkaFeed:
    """Messages of `kafka://host[:port]/topic?group=g&settings=FILE.toml`, each a record as JSON.

    A partition without a position is read from its beginning.

    Args:
        once: stop when nothing new is left.

    Raises:
        UserError: the address or its settings are wrong, nobody answers there, there is no such
            topic, or the position is of another.
    """

    def __init__(
        self,
        spec: str,
        position: KafkaPosition | None = None,
        *,
        once: bool = False,
        record: type[FeedRecord] = FeedRecord,
    ) -> None:
        address = read_address(spec)
        if position and position.topic != address.topic:
            raise UserError(
                f"the saved position is of the topic {position.topic}",
                where=spec,
                hint="Use the same topic as before, or another --store.",
            )
        self._topic = address.topic
        self._kept = dict(position.offsets) if position else {}
        self._once = once
        self._record = record
        self._partitions = Partitions()
        self._assigned: set[int] = set()
        self._paused: set[int] = set()
        self._rejected: list[Rejected] = []
        self._records = 0
        self._up_to_date_at: float | None = None
        self._asked_at = monotonic()
        self._unanswered: set[int] = set()
        self._connection = Connection(address)
        self._consumer = self._connection.consumer
        found = self._connection.find()
        self._cluster = self._same_cluster(position)
        self._begin_all(found, monotonic() + START_SECONDS)

    def read_batch(self, max_records: int, timeout: float = 1.0) -> Batch:
        """At most `max_records`; waits `timeout` seconds for the first.

        While the brokers are away, nothing, and why: whoever follows can still be stopped.
        """
        self._look()
        taken = self._take(max_records, timeout)
        records: list[FeedRecord] = []
        rejected, self._rejected = self._rejected, []
        for message in taken:
            sort(message.item, records, rejected)
        self._records += len(records)
        self._kept |= self._partitions.next_offsets
        position = KafkaPosition(topic=self._topic, cluster=self._cluster, offsets=dict(self._kept))
        return Batch(
            records,
            rejected,
            position if records or rejected else None,
            self._partitions.backlog,
            self._once and self._is_up_to_date and not taken,
            {self._topic: self._connection.error} if self._connection.error else {},
            [self._connection.health(self._behind(), self._records)],
        )

    def acknowledge(self, position: Position) -> None:
        """Tell the broker how far it was read, for those who look at the group's lag."""
        from confluent_kafka import KafkaException

        if isinstance(position, KafkaPosition):
            offsets = [self._at(number, offset) for number, offset in position.offsets.items()]
            # Nothing rests on it.
            with suppress(KafkaException):
                self._consumer.commit(offsets=offsets, asynchronous=True)

    def close(self) -> None:
        """Let go of the connections."""
        self._consumer.close()

    @property
    def _is_up_to_date(self) -> bool:
        return not self._connection.is_doubted and self._partitions.is_over

    def _behind(self) -> float | None:
        if self._is_up_to_date:
            self._up_to_date_at = time()
        return None if self._up_to_date_at is None else time() - self._up_to_date_at

    def _same_cluster(self, position: KafkaPosition | None) -> str | None:
        """The cluster's id; offsets of another cluster mean nothing here, and are forgotten."""
        before, now = position.cluster if position else None, self._connection.cluster
        if before and now and before != now:
            say(
                f"Warning: {self._topic} was read from the cluster {before}, and this is {now}: it"
                " is read from its beginning."
            )
            self._kept = {}
        return now or before

    def _look(self) -> None:
        """Begin partitions that are new; after an outage, see how far the others go by now."""
        was_doubted = self._connection.is_doubted
        found = self._connection.look()
        read_before = set(self._assigned)
        deadline = monotonic() + ANSWER_SECONDS
        self._begin_all([number for number in found if number not in read_before], deadline)
        if found and was_doubted:
            for number in read_before:
                if bounds := self._bounds(number, deadline):
                    self._partitions.doubt(number, bounds[1], monotonic())

    def _begin_all(self, numbers: Iterable[int], deadline: float) -> None:
        # One without a leader takes all the time there is, and must not keep the others from it.
        for number in sorted(numbers, key=lambda number: number in self._unanswered):
            self._begin(number, deadline)

    def _begin(self, number: int, deadline: float) -> None:
        """Read a partition from where it was left; one that does not answer, when it does."""
        bounds = self._bounds(number, deadline)
        if bounds is None:
            return
        fetched = self._partitions.fetched(number)
        left = self._kept.get(number, bounds[0]) if fetched is None else fetched
        offset = self._mended(number, left, *bounds)
        self._consumer.incremental_assign([self._at(number, offset)])
        self._assigned.add(number)
        self._partitions.begin(number, offset, bounds[1], monotonic())

    def _bounds(self, number: int, deadline: float) -> tuple[int, int] | None:
        """Its first offset and the one behind its last, as the broker knows them."""
        from confluent_kafka import KafkaException

        seconds = deadline - monotonic()
        if seconds <= 0:
            self._connection.doubt(f"{self._topic}[{number}] was not asked for in time")
            return None
        try:
            found: tuple[int, int] | None = self._consumer.get_watermark_offsets(
                self._at(number), timeout=seconds
            )
        except KafkaException as error:
            self._connection.doubt(str(error))
            self._unanswered.add(number)
            return None
        self._unanswered.discard(number)
        return found

    def _mended(self, number: int, offset: int, low: int, high: int) -> int:
        """Where to go on: what the topic does not hold any more is told, and counted."""
        if low <= offset <= high:
            return offset
        if offset < low:
            self._rejected.append(tell_lost(self._topic, number, offset, low))
        else:
            say(
                f"Warning: {self._topic}[{number}] ends at {high} and was read up to {offset}: it"
                f" was made anew, and is read from its beginning, {low}."
            )
        return low

    def _take(self, most: int, timeout: float) -> list[Message]:
        deadline = monotonic() + timeout
        # What came while the last batch was scored may be earlier than what is held.
        has_heard = self._fetch(0.0)
        found = self._partitions.take(most, monotonic())
        while len(found) < most and not self._rejected:
            if (found and not has_heard) or (self._once and self._is_up_to_date):
                break
            wait = 0.0 if found else min(SLICE_SECONDS, max(0.0, deadline - monotonic()))
            has_heard = self._fetch(wait)
            found += self._partitions.take(most - len(found), monotonic())
            if monotonic() >= deadline:
                break
        return found

    def _fetch(self, seconds: float) -> bool:
        """Whether anything was heard; waits so long for the first."""
        now = monotonic()
        self._partitions.excuse(now - self._asked_at, now)
        messages = self._consumer.consume(1, seconds)
        if messages:
            messages += self._consumer.consume(FETCHED_TOGETHER, 0)
        for message in messages:
            self._hear(message)
        for number in self._assigned:
            known = self._consumer.get_watermark_offsets(self._at(number), cached=True)
            if known and known[1] >= 0:
                self._partitions.tell_end(number, known[1])
        self._hold_back()
        self._asked_at = monotonic()
        return bool(messages)

    def _hear(self, message: Any) -> None:
        from confluent_kafka import KafkaError

        number, error = message.partition(), message.error()
        if error is None:
            self._connection.hear()
            self._partitions.push(self._read(message), monotonic())
        elif error.code() == KafkaError._PARTITION_EOF:
            self._connection.hear()
            self._partitions.tell_no_more(number, message.offset())
        elif error.code() == KafkaError._AUTO_OFFSET_RESET:
            self._consumer.incremental_unassign([self._at(number)])
            self._assigned.discard(number)
            self._paused.discard(number)
            self._begin(number, monotonic() + ANSWER_SECONDS)
        else:
            self._connection.hear_error(error)

    def _read(self, message: Any) -> Message:
        item = read_value(message, self._record)
        when = written = message.timestamp()[1] / 1000
        if isinstance(item, FeedRecord):
            published = item.published_at.timestamp()
            # A date after the message was written is wrong, and must not hold up its partition.
            when = min(published, written) if written > 0 else published
        size = len(message.value() or b"")
        return Message(message.partition(), message.offset(), when, item, size)

    def _hold_back(self) -> None:
        """Fetch no more of what is far ahead of the others, until they have caught up."""
        crowded = self._partitions.crowded & self._assigned
        if begin := crowded - self._paused:
            self._consumer.pause([self._at(number) for number in begin])
        if end := self._paused - crowded:
            self._consumer.resume([self._at(number) for number in end])
        self._paused = crowded

    def _at(self, number: int, offset: int | None = None) -> Any:
        from confluent_kafka import TopicPartition

        if offset is None:
            return TopicPartition(self._topic, number)
        return TopicPartition(self._topic, number, offset)


def read_value(message: Any, record: type[FeedRecord]) -> FeedRecord | Rejected | None:
    """What a message holds; None where it has no value."""
    place = f"{message.topic()}[{message.partition()}]:{message.offset()}"
    raw = message.value()
    return parse(place, raw, record) if raw else None


def tell_lost(topic: str, number: int, offset: int, low: int) -> Rejected:
    """Say what retention deleted of a partition between where it was left and its first offset."""
    place = f"{topic}[{number}]:{offset}-{low - 1}"
    reason = (
        f"{low - offset:,} messages were deleted by the topic's retention before they were read"
    )
    say(f"Warning: lost: {place}: {reason}.")
    return reject(place, reason, b"")
