"""What conversations remember: read before an answer, written before it is given."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector
from pydantic import BaseModel

from apps.customer_service.conversation.store import ConversationStore
from apps.customer_service.conversation.turns import MOST_TURNS, Turn
from common.learning.behind import RETRY_SECONDS, WAITING_BOUND, BehindWriter
from common.learning.spool import Spool
from common.storage.database import DATABASE_TROUBLE, Database

SPOOL = "conversations.spool"
# An answer waits no longer for what was said before, and does without it.
READ_SECONDS = 0.5
# Nor for its own turn to be written, so that a follow-up finds it wherever it arrives.
WRITE_SECONDS = 0.5
CONVERSATION_SECONDS = 1800.0

logger = logging.getLogger(__name__)


class ConversationMemory:
    """The last turns of each conversation, from the database that all replicas share.

    What is not written yet is remembered here, and nothing else: what another replica wrote is
    seen at once, and what was purged is gone.

    Args:
        keep_seconds: a turn is forgotten after so long; 0: nothing is remembered.

    Attributes:
        unread: answers that were given without what was said before, as the database did not
            tell it.
    """

    kinds: Mapping[str, type[BaseModel]] = ConversationStore.kinds

    def __init__(self, store: ConversationStore, spool: Path, keep_seconds: float) -> None:
        self.keep_seconds = keep_seconds
        self.unread = 0
        self._store = store
        self._waiting: OrderedDict[str, Turn] = OrderedDict()
        # By turn: tells who waits for it that it is written.
        self._told: dict[str, Callable[[], object]] = {}
        self._trouble_until = 0.0
        self._unwritten_until = 0.0
        self.writer = BehindWriter(self, spool, keep_seconds=keep_seconds)

    async def remember(self, turn: Turn) -> None:
        """Remember a turn; as a rule, every replica then knows of it.

        Where the database does not take it in time, this one does, and the others do later.
        """
        if not self.keep_seconds:
            return
        written = asyncio.Event()
        # In the writer's thread.
        self._told[turn.id] = partial(asyncio.get_running_loop().call_soon_threadsafe, written.set)
        self.put(turn)
        try:
            if time.monotonic() >= self._unwritten_until:
                async with asyncio.timeout(WRITE_SECONDS):
                    await written.wait()
        except TimeoutError:
            # Else each answer came that much later, as long as it lasts.
            self._unwritten_until = time.monotonic() + RETRY_SECONDS
        finally:
            self._told.pop(turn.id, None)

    def put(self, turn: Turn) -> None:
        """Remember a turn, at once; the database gets it behind that."""
        if not self.keep_seconds:
            return
        self._waiting[turn.id] = turn
        while len(self._waiting) > WAITING_BOUND:
            self._waiting.popitem(last=False)
        self.writer.put(turn)

    async def history(self, identity: str, owner: str) -> list[Turn] | None:
        """The last turns of a conversation, oldest first; none of another owner's.

        Returns:
            None where the database does not answer and nothing is remembered here.
        """
        since = time.time() - self.keep_seconds
        stored = await self._stored(identity, owner, since)
        found = {turn.id: turn for turn in stored or ()}
        for turn in list(self._waiting.values()):
            if (turn.conversation_id, turn.owner) == (identity, owner) and turn.at >= since:
                found[turn.id] = turn
        if stored is None and not found:
            return None
        return sorted(found.values(), key=lambda turn: (turn.at, turn.id))[-MOST_TURNS:]

    async def _stored(self, identity: str, owner: str, since: float) -> list[Turn] | None:
        if time.monotonic() >= self._trouble_until:
            try:
                async with asyncio.timeout(READ_SECONDS):
                    return await asyncio.to_thread(self._store.history, identity, owner, since)
            except (*DATABASE_TROUBLE, OSError) as error:
                # Asked again later: each question that waits for it in vain comes later, too.
                self._trouble_until = time.monotonic() + RETRY_SECONDS
                logger.warning("answering without what was said before: %s", _reason(error))
        self.unread += 1
        return None

    def add(self, rows: Sequence[Turn]) -> None:
        """Write turns; what is written need not be remembered here."""
        self._store.add(rows)
        # It is well again: a turn is waited for as before.
        self._unwritten_until = 0.0
        for turn in rows:
            self._waiting.pop(turn.id, None)
            if tell := self._told.pop(turn.id, None):
                tell()

    def forget_before(self, at: float) -> int:
        """Delete what is older."""
        return self._store.forget_before(at)


def _reason(error: Exception) -> str:
    # An error of the database has the statement in it, and with that the conversation's id.
    return type(error).__name__


def purge(
    root: Path,
    database: Database,
    *,
    subject: str | None = None,
    text: str | None = None,
    before: float | None = None,
) -> int:
    """Delete turns of a subject, with a text in them, or older ones; those that wait, too.

    Args:
        root: the application's directory.
    """
    store = ConversationStore(database)
    if before is not None:
        return store.forget_before(before)

    def is_gone(turn: BaseModel) -> bool:
        said = f"{turn.text}\n{turn.understood_as}\n{turn.topic}" if isinstance(turn, Turn) else ""
        is_theirs = isinstance(turn, Turn) and turn.subject == subject
        return is_theirs or (text is not None and text in said)

    waiting = Spool(root / SPOOL, ConversationStore.kinds).drop(is_gone)
    return waiting + store.purge(subject=subject, text=text)


class MemoryMetrics(Collector):
    """What became of the turns of conversations."""

    def __init__(self, memory: ConversationMemory) -> None:
        self._memory = memory

    def collect(self) -> Iterator[Metric]:  # noqa: D102
        writer = self._memory.writer
        counters = (
            ("bizlm_turns_written", "Turns of conversations written", writer.written),
            ("bizlm_turns_spooled", "Turns that wait in a file", writer.spooled),
            ("bizlm_turns_lost", "Turns that nothing could take", writer.lost),
            (
                "bizlm_conversations_unread",
                "Answers without what was said before, as the database did not tell it",
                self._memory.unread,
            ),
        )
        for name, meaning, value in counters:
            yield CounterMetricFamily(name, meaning, value=value)
