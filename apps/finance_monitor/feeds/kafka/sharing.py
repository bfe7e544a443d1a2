"""One of several workers that share a Kafka topic, and what it makes of it in another topic.

First what was scored is written, then how far it was read. A worker that dies in between leaves a
batch that is scored again by another; whoever reads the scored topic knows the ids, and counts
them once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from threading import Event
from typing import Any

from apps.finance_monitor.feeds.feed import Batch, Rejected
from apps.finance_monitor.feeds.kafka.address import read_address, said_by
from apps.finance_monitor.feeds.kafka.connection import ANSWER_SECONDS, Connection
from apps.finance_monitor.feeds.kafka.kafka_feed import FETCHED_TOGETHER, read_value, tell_lost
from apps.finance_monitor.feeds.lines import reject, sort
from apps.finance_monitor.schema import FeedRecord, ScoredRecord
from common.console import say
from common.errors import UserError

WAIT_SECONDS = 1.0
# Not that of a monitor, which tells the broker how far it is: workers would begin behind it.
DEFAULT_GROUP = "bizlm-score"
Reject = Callable[[Sequence[Rejected]], None]


class KafkaShare:
    """Messages of the partitions that this worker is given, and a topic to write to.

    Args:
        source: `kafka://host/topic?group=g`; the workers of one group share it.
        target: a topic of the same brokers.
        reject: keeps what is too large to be written.
        stopping: once it is set, brokers that are away are not waited for.

    Raises:
        UserError: an address is wrong, the topics are not of the same brokers, one does not exist,
            or nobody answers.
    """

    def __init__(self, source: str, target: str, reject: Reject, stopping: Event) -> None:
        from confluent_kafka import Producer

        address, aim = read_address(source, DEFAULT_GROUP), read_address(target)
        if address.servers != aim.servers:
            raise UserError("both topics must be on the same brokers", where=target)
        self._topic, self._aim = address.topic, aim.topic
        self._connection = Connection(address, is_shared=True)
        self._connection.find()
        self._connection.find(aim.topic)
        self._next: dict[int, int] = {}
        self._records = 0
        self._reject, self._stopping = reject, stopping
        self._lost: list[Rejected] = []
        self._refused: list[str] = []
        self._too_large: list[ScoredRecord] = []
        # While the brokers are away, a message waits for as long as that takes.
        asked = {"enable.idempotence": True, "message.timeout.ms": 0}
        self._producer: Any = address.client(Producer, asked)
        self._consumer = self._connection.consumer
        self._consumer.subscribe([self._topic], on_assign=self._begin)

    def read_batch(self, max_records: int, timeout: float = 1.0) -> Batch:
        """At most `max_records`; waits `timeout` seconds for the first."""
        self._connection.look()
        messages = self._consumer.consume(1, timeout)
        if messages:
            messages += self._consumer.consume(min(max_records, FETCHED_TOGETHER) - 1, 0)
        records: list[FeedRecord] = []
        rejected, self._lost = self._lost, []
        for message in messages:
            if error := message.error():
                self._connection.hear_error(error)
                continue
            self._connection.hear()
            sort(read_value(message, FeedRecord), records, rejected)
            self._next[message.partition()] = message.offset() + 1
        self._records += len(records)
        away = self._connection.error
        return Batch(
            records,
            rejected,
            None,
            self._lag(),
            outages={self._topic: away} if away else {},
            sources=[self._connection.health(None, self._records)],
        )

    def publish(self, scored: Sequence[ScoredRecord]) -> None:
        """Write `scored`, waiting for brokers that are away, and then that all of it is read.

        A story that is too large is rejected, and the others are written. Where it is stopped
        before all is written, nothing is acknowledged, and another worker scores it again.

        Raises:
            UserError: the brokers refuse it.
        """
        if not self._write(scored):
            return
        # A broker refuses all that comes together for the size of it: each once more, alone.
        again, self._too_large = self._too_large, []
        for story in again:
            if not self._write([story]):
                return
        too_large, self._too_large = self._too_large, []
        self._reject([self._as_rejected(story) for story in too_large])
        self._acknowledge()

    def close(self) -> None:
        """Leave the group, so that others take over at once; what is not written yet is not."""
        self._producer.purge()
        self._consumer.close()

    def _write(self, stories: Sequence[ScoredRecord]) -> bool:
        """Whether they are written, but for those that are too large; not where it is stopped."""
        for story in stories:
            while not self._is_taken(story):
                if self._stopping.is_set():
                    return False
                self._producer.poll(WAIT_SECONDS)
                self._connection.look()
        while self._producer.flush(WAIT_SECONDS):
            if self._stopping.is_set():
                return False
            self._connection.look()
        if self._refused:
            raise UserError(f"cannot be written: {self._refused[0]}", where=self._aim)
        return True

    def _is_taken(self, story: ScoredRecord) -> bool:
        """Whether there was room for it."""
        from confluent_kafka import KafkaException

        value = story.model_dump_json(exclude_none=True).encode()
        try:
            self._producer.produce(self._aim, value, on_delivery=partial(self._delivered, story))
        except BufferError:
            return False
        except KafkaException as error:
            self._delivered(story, error.args[0], None)
        return True

    def _delivered(self, story: ScoredRecord, error: Any, _: Any) -> None:
        from confluent_kafka import KafkaError

        if error is None:
            return
        if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
            self._too_large.append(story)
        else:
            self._refused.append(error.str())

    def _as_rejected(self, story: ScoredRecord) -> Rejected:
        value = story.model_dump_json(exclude_none=True).encode()
        reason = f"{len(value):,} bytes once scored, more than {self._aim} takes"
        return reject(f"id {story.id}", reason, value)

    def _begin(self, consumer: Any, given: Sequence[Any]) -> None:
        """Tell what retention deleted of the partitions that are this worker's from now on."""
        from confluent_kafka import KafkaException

        # Where nobody answers now, it is read all the same.
        with suppress(KafkaException):
            for left in consumer.committed(list(given), timeout=ANSWER_SECONDS):
                low, _ = consumer.get_watermark_offsets(left, timeout=ANSWER_SECONDS)
                if 0 <= left.offset < low:
                    self._lost.append(tell_lost(self._topic, left.partition, left.offset, low))
                    self._next[left.partition] = low

    def _acknowledge(self) -> None:
        from confluent_kafka import KafkaException, TopicPartition

        offsets = [TopicPartition(self._topic, *one) for one in self._next.items()]
        self._next = {}
        if not offsets:
            return
        try:
            self._consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            # Mostly because the partitions are another's by now, which scores the batch again.
            say(f"Not acknowledged, and perhaps scored twice: {said_by(error)}")

    def _lag(self) -> int:
        lag = 0
        for one in self._consumer.position(self._consumer.assignment()):
            known = self._consumer.get_watermark_offsets(one, cached=True)
            if known and known[1] >= 0 and one.offset >= 0:
                lag += max(0, known[1] - one.offset)
        return lag
