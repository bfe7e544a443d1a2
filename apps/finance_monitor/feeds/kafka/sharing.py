"""One of several workers that share a Kafka topic, and what it makes of it in another topic.

First what was scored is written, then how far it was read. A worker that dies in between leaves a
batch that is scored again by another; whoever reads the scored topic knows the ids, and counts
them once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from apps.finance_monitor.feeds.feed import Batch, Rejected
from apps.finance_monitor.feeds.kafka.address import read_address, said_by
from apps.finance_monitor.feeds.kafka.connection import Connection
from apps.finance_monitor.feeds.kafka.kafka_feed import FETCHED_TOGETHER, read_value
from apps.finance_monitor.feeds.lines import sort
from apps.finance_monitor.schema import FeedRecord, ScoredRecord
from common.console import say
from common.errors import UserError

WAIT_SECONDS = 1.0


class KafkaShare:
    """Messages of the partitions that this worker is given, and a topic to write to.

    Args:
        source: `kafka://host/topic?group=g`; the workers of one group share it.
        target: a topic of the same brokers.

    Raises:
        UserError: an address is wrong, the topics are not of the same brokers, one does not exist,
            or nobody answers.
    """

    def __init__(self, source: str, target: str) -> None:
        from confluent_kafka import Producer

        address, aim = read_address(source), read_address(target)
        if address.servers != aim.servers:
            raise UserError("both topics must be on the same brokers", where=target)
        self._topic, self._aim = address.topic, aim.topic
        self._connection = Connection(address, is_shared=True)
        self._connection.find()
        self._connection.find(aim.topic)
        self._next: dict[int, int] = {}
        self._records = 0
        self._refused: list[str] = []
        # While the brokers are away, a message waits for as long as that takes.
        asked = {"enable.idempotence": True, "message.timeout.ms": 0}
        self._producer: Any = address.client(Producer, asked)
        self._consumer = self._connection.consumer
        self._consumer.subscribe([self._topic])

    def read_batch(self, max_records: int, timeout: float = 1.0) -> Batch:
        """At most `max_records`; waits `timeout` seconds for the first."""
        self._connection.look()
        messages = self._consumer.consume(1, timeout)
        if messages:
            messages += self._consumer.consume(min(max_records, FETCHED_TOGETHER) - 1, 0)
        records: list[FeedRecord] = []
        rejected: list[Rejected] = []
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

        Raises:
            UserError: the brokers refuse it.
        """
        for story in scored:
            self._write(story.model_dump_json(exclude_none=True).encode())
        while self._producer.flush(WAIT_SECONDS):
            self._connection.look()
        if self._refused:
            raise UserError(f"cannot be written: {self._refused[0]}", where=self._aim)
        self._acknowledge()

    def close(self) -> None:
        """Leave the group, so that others take over at once."""
        self._consumer.close()

    def _write(self, value: bytes) -> None:
        while True:
            try:
                self._producer.produce(self._aim, value, on_delivery=self._delivered)
                return
            except BufferError:
                self._producer.poll(WAIT_SECONDS)

    def _delivered(self, error: Any, _: Any) -> None:
        if error is not None:
            self._refused.append(error.str())

    def _acknowledge(self) -> None:
        from confluent_kafka import KafkaException, TopicPartition

        offsets = [TopicPartition(self._topic, *one) for one in self._next.items()]
        self._next = {}
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
