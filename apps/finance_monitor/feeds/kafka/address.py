"""`kafka://HOST[:PORT]/TOPIC?group=g&settings=FILE.toml`: which topic, and how to get in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from common.errors import UserError
from common.files import read_toml

SCHEME = "kafka://"
PORT = 9092
DEFAULT_GROUP = "bizlm"
INSTALL = "pip install 'bizlm[kafka]'"
# Once it is back, a broker should not be waited for much longer.
RECONNECTING = {"reconnect.backoff.max.ms": "3000"}
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
_OPTIONS = ("group", "settings")
# What no file may say otherwise: the address does, or "nothing lost, nothing twice" rests on it.
_OURS = {
    "bootstrap.servers": "the address names the brokers",
    "metadata.broker.list": "the address names the brokers",
    "group.id": "the address names the group: ?group=NAME",
    "transactional.id": "nothing is written in transactions",
    "auto.offset.reset": "positions are kept by the monitor",
    "enable.auto.commit": "positions are kept by the monitor",
    "enable.auto.offset.store": "positions are kept by the monitor",
    "enable.partition.eof": "the monitor must know where a partition ends",
}


@dataclass(frozen=True)
class KafkaAddress:
    """Where a topic is.

    Attributes:
        servers: `host:port`, several by comma.
        settings: of librdkafka, by its names.
        file: that holds them.
    """

    servers: str
    topic: str
    group: str = DEFAULT_GROUP
    settings: Mapping[str, str] = field(default_factory=dict)
    file: str | None = None

    def client(self, kind: Any, asked: Mapping[str, Any]) -> Any:
        """A client of `confluent_kafka` with the settings of the file, and with what is `asked`.

        Raises:
            UserError: librdkafka knows no such setting, or refuses its value.
        """
        # What goes wrong is told by the feed, once; the library would tell it for each try.
        own = {"bootstrap.servers": self.servers, "log_level": "2", **RECONNECTING}
        try:
            return kind({**own, **self.settings, **asked})
        except (_library().KafkaException, TypeError, ValueError) as error:
            raise UserError(
                said_by(error),
                where=self.file or self.servers,
                hint="The names are librdkafka's: see its CONFIGURATION.md.",
            ) from None


def is_kafka(spec: str) -> bool:
    """Whether it is the address of a topic."""
    return spec.startswith(SCHEME)


def read_address(spec: str, group: str = DEFAULT_GROUP) -> KafkaAddress:
    """What an address says, and the file that it names.

    Args:
        group: where the address names none.

    Raises:
        UserError: the address or the file is wrong, or the package for Kafka is not installed.
    """
    try:
        parts = urlsplit(spec)
    except ValueError:  # a bracket that is never closed
        raise _no_topic(SCHEME + spec.removeprefix(SCHEME).rpartition("@")[2]) from None
    topic = parts.path.strip("/")
    hosts = [host for host in parts.netloc.split(",") if host]
    if "@" in parts.netloc:
        raise UserError(
            "a password in an address is seen by all who list processes",
            where=SCHEME + parts.netloc.rpartition("@")[2],
            hint="Write it into a file: ?settings=FILE.toml",
        )
    if parts.scheme != "kafka" or not hosts or not _TOPIC.fullmatch(topic):
        raise _no_topic(spec)
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    if unknown := sorted(set(options) - set(_OPTIONS)):
        raise UserError(
            f"unknown option: {unknown[0]}",
            where=spec,
            hint=f"There are {' and '.join(_OPTIONS)}; settings of the client stand in a file.",
        )
    _library()
    file = options.get("settings")
    return KafkaAddress(
        ",".join(host if _has_port(host) else f"{host}:{PORT}" for host in hosts),
        topic,
        options.get("group", group),
        read_settings(Path(file)) if file else {},
        file,
    )


def read_settings(path: Path) -> dict[str, str]:
    """Settings of librdkafka out of a TOML file: `security.protocol = "SASL_SSL"`.

    Raises:
        UserError: there is no such file, or it says what the monitor must decide.
    """
    found = dict(_flat(read_toml(path), "", path))
    for name in found:
        if why := _OURS.get(name):
            raise UserError(f"{name} is not set here: {why}", where=str(path), hint="Leave it out.")
    return found


def said_by(error: BaseException) -> str:
    """What the library says of an error, without its number."""
    first = error.args[0] if error.args else error
    text = getattr(first, "str", None)
    return str(text() if callable(text) else first)


def _flat(table: Mapping[str, Any], before: str, path: Path) -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        name = f"{before}{key}"
        if isinstance(value, dict):
            yield from _flat(value, f"{name}.", path)
        elif isinstance(value, bool):
            yield name, str(value).lower()
        elif isinstance(value, str | int | float):
            yield name, str(value)
        else:
            raise UserError(f"{name}: not a text, a number or true or false", where=str(path))


def _no_topic(spec: str) -> UserError:
    hint = "kafka://HOST:9092/TOPIC?group=NAME"
    return UserError("not the address of a topic", where=spec, hint=hint)


def _has_port(host: str) -> bool:
    return ":" in host.rpartition("]")[2]


def _library() -> Any:
    try:
        import confluent_kafka
    except ImportError:
        raise UserError(
            "Kafka needs confluent-kafka, which is not installed", hint=INSTALL
        ) from None
    return confluent_kafka
