"""Rows written behind the answers, never in their way."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from common.learning.schema import Feedback, Prediction
from common.learning.store import FeedbackStore
from common.storage.database import DatabaseTroubleError

Row = Prediction | Feedback

WAITING_BOUND = 10_000
SPOOL_BOUND = 64 * 2**20
ROWS_TOGETHER = 500
RETRY_SECONDS = 5.0
DAY_SECONDS = 86_400.0
KEEP_SECONDS = 365 * DAY_SECONDS

logger = logging.getLogger(__name__)


class BehindWriter:
    """A thread that writes what is put into it; where it cannot, a spool on disk waits.

    Args:
        keep_seconds: what is older is deleted; 0: predictions are not kept at all.

    Attributes:
        written, spooled, lost: rows, since the start. Lost are those that neither the database
            nor the spool, which is bounded, could take.
    """

    def __init__(
        self,
        store: FeedbackStore,
        spool: Path,
        *,
        spool_bound: int = SPOOL_BOUND,
        keep_seconds: float = KEEP_SECONDS,
    ) -> None:
        self.store = store
        self.written = self.spooled = self.lost = 0
        self._spool = spool
        self._spool_bound = spool_bound
        self._keep_seconds = keep_seconds
        self._forgot_at = 0.0
        self._waiting: deque[Row] = deque()
        self._something = threading.Event()
        self._stopping = False
        self._writing = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="behind-writer", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._spool.parent.mkdir(parents=True, exist_ok=True)
        self._thread.start()

    def stop(self) -> None:
        """Write what is waiting, then end."""
        self._stopping = True
        self._something.set()
        self._thread.join()

    def put(self, row: Row) -> None:
        """Take a row, at once; where too many wait, the oldest is counted as lost."""
        if not self._keep_seconds and isinstance(row, Prediction):
            return
        if len(self._waiting) >= WAITING_BOUND:
            with suppress(IndexError):
                self._waiting.popleft()
                self.lost += 1
        self._waiting.append(row)
        self._something.set()

    def write(self, row: Row) -> bool:
        """Write a row now, and what waits before it; False: it is in the spool instead."""
        self.put(row)
        return self.flush()

    def flush(self) -> bool:
        """Write all that waits; False: some of it is in the spool instead."""
        with self._writing:
            whole = True
            while rows := self._take():
                whole = self._write(rows) and whole
            return whole

    def _run(self) -> None:
        while not self._stopping:
            self._something.wait(RETRY_SECONDS)
            self._something.clear()
            self.flush()
            with self._writing:
                self._replay()
                self._forget()
        self.flush()

    def _forget(self) -> None:
        """Once a day, let go of what is older than it is to be kept."""
        now = time.time()
        if now - self._forgot_at < DAY_SECONDS:
            return
        self._forgot_at = now
        with suppress(DatabaseTroubleError, OSError):
            self.store.forget_before(now - self._keep_seconds)

    def _take(self) -> list[Row]:
        rows: list[Row] = []
        with suppress(IndexError):
            while len(rows) < ROWS_TOGETHER:
                rows.append(self._waiting.popleft())
        return rows

    def _write(self, rows: Sequence[Row]) -> bool:
        try:
            self.store.add(rows)
        except (DatabaseTroubleError, OSError) as error:
            logger.warning("the database does not take rows, they wait in a file: %s", error)
            self._keep(rows)
            return False
        self.written += len(rows)
        return True

    def _keep(self, rows: Sequence[Row]) -> None:
        lines = "".join(_line(row) for row in rows)
        try:
            size = self._spool.stat().st_size if self._spool.exists() else 0
            if size + len(lines.encode()) > self._spool_bound:
                raise OSError(f"{self._spool} is full")
            with self._spool.open("a", encoding="utf-8") as file:
                file.write(lines)
                file.flush()
                os.fsync(file.fileno())
            self.spooled += len(rows)
        except OSError as error:
            self.lost += len(rows)
            logger.error("%d rows are lost: %s", len(rows), error)

    def _replay(self) -> None:
        """Write what the spool holds; rows that are there already are not doubled."""
        if not self._spool.exists():
            return
        try:
            self.store.add(read_spool(self._spool))
        except (DatabaseTroubleError, OSError):
            return
        self._spool.unlink()


def read_spool(path: Path) -> list[Row]:
    """The rows of a spool; a line that a power failure cut short is left out."""
    rows: list[Row] = []
    kinds: dict[str, type[Row]] = {"prediction": Prediction, "feedback": Feedback}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        with suppress(ValueError, KeyError):
            kind, values = json.loads(line)
            rows.append(kinds[kind].model_validate(values))
    return rows


def _line(row: Row) -> str:
    kind = "prediction" if isinstance(row, Prediction) else "feedback"
    return json.dumps([kind, row.model_dump()], ensure_ascii=False) + "\n"
