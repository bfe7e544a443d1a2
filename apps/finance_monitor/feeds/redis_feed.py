"""Read a Redis Stream as one of a consumer group, and write what was scored to another.

A message is acknowledged once its batch is committed; one whose reader died is claimed by another.
A message holds a record as JSON in the field `record`, or each of the record's fields by its name.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from time import sleep
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

from pydantic import ValidationError

from apps.finance_monitor.feeds.feed import Batch, Position, Rejected
from apps.finance_monitor.feeds.lines import explain, parse, reject, sort
from apps.finance_monitor.schema import FeedRecord, ScoredRecord
from common.console import say
from common.durations import parse_period
from common.errors import UserError

# A reader that kept a message for so long is taken for dead.
ABANDONED = "60s"
RETRY_SECONDS = (0.5, 1.0, 2.0, 5.0)
FIELD = "record"
DEFAULT_GROUP = "bizlm"

Message = tuple[bytes, dict[bytes, bytes]]


class RedisPosition(Position):
    """The last message that was read."""

    last: str


class RedisFeed:
    """Messages of `redis://[:password@]host[:port]/stream?group=g&consumer=c&claim_after=60s`.

    A message that another reader has kept for longer than `claim_after` is taken over.

    Args:
        once: stop when nothing new is left.

    Raises:
        UserError: the address is wrong or nobody answers there.
    """

    def __init__(
        self,
        spec: str,
        position: RedisPosition | None = None,
        *,
        once: bool = False,
        record: type[FeedRecord] = FeedRecord,
    ) -> None:
        self._redis, self._stream, options = connect(spec)
        self._group = options.get("group", DEFAULT_GROUP)
        self._consumer = options.get("consumer", f"{socket.gethostname()}-{os.getpid()}")
        self._once = once
        self._record = record
        claim_after = parse_period(options.get("claim_after", ABANDONED))
        self._claim_after = round(claim_after.total_seconds() * 1000)
        self._position = position
        self._unacknowledged: list[bytes] = []
        # What this consumer was given before it was stopped comes first.
        self._resume_from: bytes | None = b"0"
        self._claimed_up_to: Any = b"0-0"
        self._backlog = self._tries = 0
        self._make_group()

    def _make_group(self) -> None:
        from redis.exceptions import ResponseError

        try:
            name, group = self._stream, self._group
            self._retry(lambda: self._redis.xgroup_create(name, group, id="0", mkstream=True))
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise UserError(str(error), where=f"stream {self._stream}") from None

    def read_batch(self, max_records: int, timeout: float = 1.0) -> Batch:
        """At most `max_records`; waits `timeout` seconds for the first.

        While the server is away, nothing, and why: whoever follows can still be stopped.
        """
        from redis.exceptions import ConnectionError as AwayError
        from redis.exceptions import ResponseError
        from redis.exceptions import TimeoutError as SlowError

        try:
            messages = self._read(max_records, timeout)
            self._backlog = self._lag()
        except (AwayError, SlowError) as error:
            # What was handed out just then is pending here, and comes first.
            self._resume_from = self._unacknowledged[-1] if self._unacknowledged else b"0"
            self._wait(error)
            away = {self._stream: str(error)}
            return Batch([], [], None, self._backlog, outages=away)
        except ResponseError as error:
            if "no such key" not in str(error).lower():
                raise
            self._begin_anew()
            return Batch([], [], None)
        self._tries = 0
        records: list[FeedRecord] = []
        rejected: list[Rejected] = []
        for identity, fields in messages:
            sort(self._parse(identity, fields), records, rejected)
            self._unacknowledged.append(identity)
            self._position = RedisPosition(last=identity.decode())
        ended = self._once and not messages
        return Batch(records, rejected, self._position, self._backlog, ended)

    def _begin_anew(self) -> None:
        """The stream or its group is gone, as after a restart of a server that keeps nothing."""
        say(f"Warning: {self._stream}: its group {self._group} is gone, and is made anew.")
        self._unacknowledged = []
        self._resume_from, self._claimed_up_to = b"0", b"0-0"
        self._make_group()

    def _read(self, count: int, timeout: float) -> list[Message]:
        if self._resume_from is not None:
            if own := self._own_pending(count):
                return own
            self._resume_from = None
        if claimed := self._claim(count):
            return claimed
        wait = 1 if self._once else max(1, int(timeout * 1000))
        found = self._redis.xreadgroup(
            self._group, self._consumer, {self._stream: ">"}, count=count, block=wait
        )
        return _messages(found)

    def _own_pending(self, count: int) -> list[Message]:
        found = self._redis.xreadgroup(
            self._group, self._consumer, {self._stream: self._resume_from}, count=count
        )
        messages = _messages(found)
        if messages:
            self._resume_from = messages[-1][0]
        return messages

    def _claim(self, count: int) -> list[Message]:
        answer = self._redis.xautoclaim(
            self._stream,
            self._group,
            self._consumer,
            self._claim_after,
            start_id=self._claimed_up_to,
            count=count,
        )
        self._claimed_up_to = answer[0]
        # A message that was deleted meanwhile has no fields.
        return [(identity, fields) for identity, fields in answer[1] if fields]

    def _parse(self, identity: bytes, fields: dict[bytes, bytes]) -> FeedRecord | Rejected | None:
        place = f"{self._stream}:{identity.decode()}"
        if FIELD.encode() in fields:
            return parse(place, fields[FIELD.encode()], self._record)
        named = {
            name.decode("utf-8", "replace"): value.decode("utf-8", "replace")
            for name, value in fields.items()
        }
        try:
            return self._record.model_validate(named)
        except ValidationError as error:
            return reject(place, explain(error), str(named).encode())

    def _lag(self) -> int:
        for group in self._redis.xinfo_groups(self._stream):
            if group["name"] == self._group.encode():
                return int(group.get("lag") or 0)
        return 0

    def acknowledge(self, position: Position) -> None:
        """Acknowledge all that was read: it is committed."""
        if self._unacknowledged:
            read = self._unacknowledged
            self._retry(lambda: self._redis.xack(self._stream, self._group, *read))
            self._unacknowledged = []

    def publish(self, stream: str, scored: Sequence[ScoredRecord]) -> None:
        """Write `scored` to another stream of the same server and acknowledge, both or neither.

        Where the answer is lost on its way, it is seen by what is acknowledged whether it was done.
        """
        is_again = False

        def send() -> None:
            nonlocal is_again
            if is_again and self._unacknowledged and not self._is_pending(self._unacknowledged[0]):
                return
            is_again = True
            with self._redis.pipeline(transaction=True) as pipeline:
                for story in scored:
                    pipeline.xadd(stream, {FIELD: story.model_dump_json(exclude_none=True)})
                if self._unacknowledged:
                    pipeline.xack(self._stream, self._group, *self._unacknowledged)
                pipeline.execute()

        self._retry(send)
        self._unacknowledged = []

    def _is_pending(self, identity: bytes) -> bool:
        """Whether it is still this reader's to acknowledge; another may have taken it over."""
        found = self._redis.xpending_range(
            self._stream, self._group, identity, identity, 1, self._consumer
        )
        return bool(found)

    def close(self) -> None:
        """Let go of the connection."""
        self._redis.close()

    def _retry(self, ask: Any) -> Any:
        """Ask again, less and less often, while the server is away."""
        from redis.exceptions import ConnectionError as AwayError
        from redis.exceptions import TimeoutError as SlowError

        while True:
            try:
                found = ask()
            except (AwayError, SlowError) as error:
                self._wait(error)
            else:
                self._tries = 0
                return found

    def _wait(self, error: Exception) -> None:
        """Before asking again: the more often it was in vain, the longer."""
        if not self._tries:
            say(f"Redis is unreachable; retrying: {error}")
        sleep(RETRY_SECONDS[min(self._tries, len(RETRY_SECONDS) - 1)])
        self._tries += 1


def connect(spec: str) -> tuple[Any, str, dict[str, str]]:
    """The client, the stream's name and the options of an address.

    Raises:
        UserError: the address is wrong or nobody answers there.
    """
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    parts = urlsplit(spec)
    stream = parts.path.strip("/")
    if parts.scheme not in {"redis", "rediss"} or not stream:
        raise UserError("not the address of a stream", where=spec, hint="redis://HOST/STREAM")
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    unknown = set(options) - {"group", "consumer", "claim_after", "db"}
    if unknown:
        raise UserError(f"unknown option: {sorted(unknown)[0]}", where=spec)
    database = options.pop("db", "0")
    # What is asked again is for `RedisFeed` to decide: not everything may be done twice.
    client = redis.Redis.from_url(
        f"{parts.scheme}://{parts.netloc}/{database}", retry=Retry(NoBackoff(), 0)
    )
    try:
        client.ping()
    except redis.exceptions.RedisError as error:
        raise UserError(f"Redis does not answer: {error}", where=parts.netloc) from None
    return client, stream, options


def _messages(found: Any) -> list[Message]:
    """Out of a reply to XREADGROUP, whichever protocol it came by."""
    if not found:
        return []
    streams = found.values() if isinstance(found, dict) else (messages for _, messages in found)
    flat: list[Message] = []
    for messages in streams:
        for message in messages:
            entries = message if isinstance(message, list) else [message]
            flat += [cast(Message, entry) for entry in entries if entry[1]]
    return flat
