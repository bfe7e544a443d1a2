"""Rows written behind the answers, never in their way."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from pydantic import BaseModel

from common.learning.schema import Prediction
from common.learning.spool import BOUND, Spool
from common.storage.database import DATABASE_TROUBLE
from common.storage.outage import Outage

WAITING_BOUND = 10_000
ROWS_TOGETHER = 500
RETRY_SECONDS = 5.0
DAY_SECONDS = 86_400.0
KEEP_SECONDS = 365 * DAY_SECONDS

logger = logging.getLogger(__name__)


class Fate(Enum):
    """What became of rows: in the database, in the spool beside it, or nowhere."""

    WRITTEN, SPOOLED, LOST = range(3)


class RowStore(Protocol):
    """Keeps rows, each once: one whose id is there already is the same row again."""

    @property
    def kinds(self) -> Mapping[str, type[BaseModel]]:
        """The rows that it takes, by the names that they have in a spool."""

    def add(self, rows: Sequence[Any], /) -> None:
        """Keep rows, all of them or none."""

    def forget_before(self, at: float, /) -> object:
        """Delete what is older, seconds since 1970."""


AnyStore = TypeVar("AnyStore", bound=RowStore)


class BehindWriter(Generic[AnyStore]):
    """A thread that writes what is put into it; where it cannot, a spool on disk waits.

    Args:
        keep_seconds: what is older is deleted; 0: predictions are not kept at all.

    Attributes:
        written, spooled, lost: rows, since the start. Lost are those that neither the database
            nor the spool, which is bounded, could take.
    """

    def __init__(
        self,
        store: AnyStore,
        spool: Path,
        *,
        spool_bound: int = BOUND,
        keep_seconds: float = KEEP_SECONDS,
    ) -> None:
        self.store = store
        self.written = self.spooled = self.lost = 0
        self._spool = Spool(spool, store.kinds, bound=spool_bound)
        self._keep_seconds = keep_seconds
        self._forgot_at = 0.0
        self._waiting: deque[BaseModel] = deque()
        self._something = threading.Event()
        self._stopping = False
        self._away = Outage(
            logger,
            "the database does not take rows, they wait in a file",
            "the database takes rows again",
        )
        self._full = Outage(
            logger,
            "rows are lost, for the file does not take them either",
            "the file takes rows again",
            level=logging.ERROR,
        )
        self._writing = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="behind-writer", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """Write what is waiting, then end."""
        self._stopping = True
        self._something.set()
        self._thread.join()

    def put(self, row: BaseModel) -> None:
        """Take a row, at once; where too many wait, the oldest is counted as lost."""
        if not self._keep_seconds and isinstance(row, Prediction):
            return
        if len(self._waiting) >= WAITING_BOUND:
            with suppress(IndexError):
                self._waiting.popleft()
                self.lost += 1
        self._waiting.append(row)
        self._something.set()

    def write(self, *rows: BaseModel) -> Fate:
        """Write rows now, together, after what waits; `SPOOLED` too where that is in the spool."""
        whole = self.flush()
        with self._writing:
            fate = self._write(rows)
        return fate if whole or fate is Fate.LOST else Fate.SPOOLED

    def flush(self) -> bool:
        """Write all that waits; False: some of it is not in the database."""
        with self._writing:
            whole = True
            while rows := self._take():
                whole = self._write(rows) is Fate.WRITTEN and whole
            return whole

    def _run(self) -> None:
        while not self._stopping:
            self._something.wait(RETRY_SECONDS)
            self._something.clear()
            self.flush()
            try:
                with self._writing:
                    self._replay()
                    self._forget()
            except Exception:
                # Rows that come later must be written.
                logger.exception("%s failed", self._thread.name)
        self.flush()

    def _forget(self) -> None:
        """Once a day, or in the time that rows are kept, let go of those that are older."""
        now = time.time()
        if now - self._forgot_at < min(DAY_SECONDS, self._keep_seconds or DAY_SECONDS):
            return
        self._forgot_at = now
        with suppress(*DATABASE_TROUBLE, OSError):
            self.store.forget_before(now - self._keep_seconds)

    def _take(self) -> list[BaseModel]:
        rows: list[BaseModel] = []
        with suppress(IndexError):
            while len(rows) < ROWS_TOGETHER:
                rows.append(self._waiting.popleft())
        return rows

    def _write(self, rows: Sequence[BaseModel]) -> Fate:
        try:
            self.store.add(rows)
        except (*DATABASE_TROUBLE, OSError) as error:
            self._away.met(error)
            return self._keep(rows)
        except Exception:
            logger.exception("rows cannot be written, they wait in a file")
            return self._keep(rows)
        self._away.ended()
        self.written += len(rows)
        return Fate.WRITTEN

    def _keep(self, rows: Sequence[BaseModel]) -> Fate:
        try:
            self._spool.append(rows)
        except OSError as error:
            self._full.met(error)
            self.lost += len(rows)
            return Fate.LOST
        self._full.ended()
        self.spooled += len(rows)
        return Fate.SPOOLED

    def _replay(self) -> None:
        """Write what the spool holds; rows that are there already are not doubled."""
        with suppress(*DATABASE_TROUBLE, OSError):
            self._spool.hand_over(self.store.add)
