"""A consumer of one topic, and whether its brokers answer."""

from __future__ import annotations

from time import monotonic, time
from typing import Any

from apps.finance_monitor.feeds.health import SourceHealth
from apps.finance_monitor.feeds.kafka.address import KafkaAddress, said_by
from common.console import say
from common.errors import UserError

# How long the brokers have to answer at the start, and later.
START_SECONDS, ANSWER_SECONDS = 5.0, 2.0
# How often they are asked for new partitions; while they are away, less and less often.
LOOK_SECONDS = 30.0
RETRY_SECONDS = (0.5, 1.0, 2.0, 5.0)
MOST_TOPICS_NAMED = 10


class Connection:
    """Asks for the partitions of a topic now and then, and at once where something seems wrong.

    Args:
        is_shared: the group's workers share the partitions, and the broker keeps where they are.

    Attributes:
        error: why the brokers are away; None while they answer.
        cluster: its id, as told at the start.

    Raises:
        UserError: a setting is wrong.
    """

    def __init__(self, address: KafkaAddress, *, is_shared: bool = False) -> None:
        from confluent_kafka import Consumer

        self._address = address
        self._said: str | None = None
        self._heard_at: float | None = None
        self._failed_at: float | None = None
        self._last_error: str | None = None
        self._next_look = 0.0
        self._tries = 0
        self.error: str | None = None
        self.cluster: str | None = None
        self.consumer: Any = address.client(
            Consumer,
            {
                "group.id": address.group,
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest" if is_shared else "error",
                "enable.partition.eof": not is_shared,
                "error_cb": lambda error: self.doubt(error.str()),
            },
        )

    @property
    def is_doubted(self) -> bool:
        """Whether the brokers are away, or something says so."""
        return self.error is not None or self._said is not None

    def doubt(self, said: str) -> None:
        """Something seems wrong; whether it is will be seen."""
        if self._said is None:
            self._next_look = min(self._next_look, monotonic() + RETRY_SECONDS[0])
        self._said = said

    def hear(self) -> None:
        """The brokers have sent something."""
        self._heard_at = time()

    def hear_error(self, error: Any) -> None:
        """The brokers have sent an error in place of a message."""
        # That the group may not be seen costs those who look at its lag, and nobody else.
        if error.code() != error.GROUP_AUTHORIZATION_FAILED:
            self.doubt(error.str())

    def find(self, topic: str | None = None) -> list[int]:
        """The partitions of the topic, or of another, at the start; the consumer is closed if not.

        Raises:
            UserError: nobody answers, or there is no such topic.
        """
        from confluent_kafka import KafkaException

        topic = topic or self._address.topic
        try:
            told = self.consumer.list_topics(topic, timeout=START_SECONDS)
            found, self.cluster = told.topics[topic], told.cluster_id
            if found.error is None:
                self._succeed()
                return sorted(found.partitions)
            known = self.consumer.list_topics(timeout=START_SECONDS).topics
        except KafkaException as error:
            # What went wrong is said to those who ask; nothing is read yet that could be lost.
            self.consumer.poll(0)
            self.consumer.close()
            raise UserError(
                f"Kafka does not answer: {self._said or said_by(error)}",
                where=self._address.servers,
            ) from None
        self.consumer.close()
        names = sorted(name for name in known if not name.startswith("__"))[:MOST_TOPICS_NAMED]
        raise UserError(
            f"{topic}: {found.error.str()}",
            where=self._address.servers,
            hint=f"There is {', '.join(names)}." if names else "There is no topic yet.",
        )

    def look(self) -> list[int]:
        """The partitions, where it is time to ask for them and they are told; else none."""
        from confluent_kafka import KafkaException

        if monotonic() < self._next_look:
            return []
        topic = self._address.topic
        try:
            found = self.consumer.list_topics(topic, timeout=ANSWER_SECONDS).topics[topic]
        except KafkaException as error:
            self._fail(self._said or said_by(error))
            return []
        if found.error is not None:
            self._fail(found.error.str())
            return []
        self._succeed()
        return sorted(found.partitions)

    def health(self, behind: float | None, records: int) -> SourceHealth:
        """How the topic does, for the page.

        Args:
            behind: seconds since it was read to its end.
            records: handed out since the start.
        """
        return SourceHealth(
            self._address.topic,
            "kafka",
            heard_at=self._heard_at,
            error=self.error,
            last_error=self._last_error,
            failed_at=self._failed_at,
            next_try=time() + max(0.0, self._next_look - monotonic()) if self.error else time(),
            behind=behind,
            records=records,
        )

    def _succeed(self) -> None:
        if self.error is not None:
            say("Kafka answers again.")
        self.error = self._said = None
        self._tries = 0
        self._next_look = monotonic() + LOOK_SECONDS
        self.hear()

    def _fail(self, why: str) -> None:
        if self.error is None:
            say(f"Kafka is unreachable; retrying: {why}")
        self.error = self._last_error = why
        self._failed_at = time()
        self._next_look = monotonic() + RETRY_SECONDS[min(self._tries, len(RETRY_SECONDS) - 1)]
        self._tries += 1
