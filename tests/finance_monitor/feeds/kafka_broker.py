"""A Kafka cluster for tests: librdkafka's own, which speaks the protocol on a free local port.

The Python package offers it only as `test.mock.num.brokers`; its C functions stand in the library
that comes with it: `rdkafka_mock.h`.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from apps.finance_monitor.schema import FeedRecord

BROKER = 1


def library() -> ctypes.CDLL:
    """The library of the installed package; skips the test where there is none."""
    package = pytest.importorskip("confluent_kafka")
    folder = Path(package.__file__).parents[1] / "confluent_kafka.libs"
    found = sorted(folder.glob("librdkafka*.so*"))
    if not found:
        pytest.skip("needs the librdkafka of the wheel of confluent-kafka")
    made = ctypes.CDLL(str(found[0]))
    pointer = ctypes.c_void_p
    for name, result, arguments in (
        ("rd_kafka_conf_new", pointer, ()),
        ("rd_kafka_new", pointer, (ctypes.c_int, pointer, ctypes.c_char_p, ctypes.c_size_t)),
        ("rd_kafka_destroy", None, (pointer,)),
        ("rd_kafka_mock_cluster_new", pointer, (pointer, ctypes.c_int)),
        ("rd_kafka_mock_cluster_destroy", None, (pointer,)),
        ("rd_kafka_mock_cluster_bootstraps", ctypes.c_char_p, (pointer,)),
        ("rd_kafka_mock_topic_create", ctypes.c_int,
         (pointer, ctypes.c_char_p, ctypes.c_int, ctypes.c_int)),
        ("rd_kafka_mock_broker_set_down", ctypes.c_int, (pointer, ctypes.c_int32)),
        ("rd_kafka_mock_broker_set_up", ctypes.c_int, (pointer, ctypes.c_int32)),
        ("rd_kafka_mock_push_request_errors_array", None,
         (pointer, ctypes.c_int16, ctypes.c_size_t, ctypes.POINTER(ctypes.c_int))),
    ):  # fmt: skip
        function = getattr(made, name)
        function.restype, function.argtypes = result, arguments
    return made


class Cluster:
    """One broker, and a producer that writes to it."""

    def __init__(self) -> None:
        from confluent_kafka import Producer

        self._library = library()
        said = ctypes.create_string_buffer(512)
        self._owner = self._library.rd_kafka_new(0, self._library.rd_kafka_conf_new(), said, 512)
        assert self._owner, said.value
        self._cluster = self._library.rd_kafka_mock_cluster_new(self._owner, 1)
        bootstraps = self._library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()
        self.servers = bootstraps.rpartition("/")[2]
        self.address = f"kafka://{self.servers}"
        settings = {"bootstrap.servers": self.servers, "log_level": 2, "linger.ms": 0}
        settings["message.max.bytes"] = 10_000_000
        self._producer: Any = Producer(settings | {"reconnect.backoff.max.ms": 500})

    def create(self, topic: str, partitions: int = 1) -> None:
        failed = self._library.rd_kafka_mock_topic_create(
            self._cluster, topic.encode(), partitions, 1
        )
        assert not failed

    def send(self, topic: str, *values: bytes, partition: int = 0) -> None:
        """Write them, and wait until they are there."""
        for value in values:
            self._producer.produce(topic, value, partition=partition)
        assert self._producer.flush(30) == 0

    def down(self) -> None:
        """Break all connections, and take none."""
        self._library.rd_kafka_mock_broker_set_down(self._cluster, BROKER)

    def up(self) -> None:
        self._library.rd_kafka_mock_broker_set_up(self._cluster, BROKER)

    def refuse(self, request: int, error: int, times: int = 1) -> None:
        """Answer the next requests of a kind with an error, both by the protocol's numbers."""
        self._library.rd_kafka_mock_push_request_errors_array(
            self._cluster, request, times, (ctypes.c_int * times)(*[error] * times)
        )

    def values(self, topic: str) -> list[bytes]:
        """All that the first partition of a topic holds."""
        from confluent_kafka import Consumer, TopicPartition

        settings = {"bootstrap.servers": self.servers, "group.id": "reader", "log_level": 2}
        reader = Consumer(settings | {"enable.partition.eof": True})
        reader.assign([TopicPartition(topic, 0, 0)])
        found: list[bytes] = []
        while (message := reader.poll(10)) and not message.error():
            found.append(message.value())
        reader.close()
        return found

    def close(self) -> None:
        self._producer.purge()
        self._library.rd_kafka_mock_cluster_destroy(self._cluster)
        self._library.rd_kafka_destroy(self._owner)


def lines(records: Iterable[FeedRecord]) -> Sequence[bytes]:
    """As messages."""
    return [one.model_dump_json(exclude_none=True).encode() for one in records]
