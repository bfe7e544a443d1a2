"""A score function of the same kind as the real one: small, picklable, opened once a process."""

from __future__ import annotations

import errno
import os
import signal
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from apps.recommender.job.batch import JobPlan, run_job
from apps.recommender.job.shards import SCHEMA, Shard
from common.files import file_sha256

SCORED_AT = datetime(2026, 3, 1, tzinfo=UTC)
PLACES = 5


@cache
def open_vectors(path: Path) -> Any:
    return np.load(path, mmap_mode="r")


@dataclass(frozen=True)
class MadeUpScore:
    """Ranks items by the sine of a user's vector.

    `trouble` names what goes wrong with shard 2, and `once` is a file that remembers that it did.
    """

    vectors: Path
    seconds: float = 0.0
    trouble: str = ""
    once: Path | None = None

    def __call__(self, shard: Shard) -> pa.Table:
        time.sleep(self.seconds)
        if shard.number == 2 and self.trouble and not (self.once and self.once.exists()):
            if self.once:
                self.once.touch()
            self._fail()
        vectors = open_vectors(self.vectors)[shard.start : shard.stop]
        users, items = np.indices((len(shard), PLACES)).reshape(2, -1)
        scores = np.sort(np.sin(vectors @ np.arange(24.0).reshape(4, 6)))[:, ::-1][:, :PLACES]
        rows = len(users)
        columns: dict[str, Any] = {
            "user_id": [f"用户{shard.start + user}" for user in users],
            "item_id": [f"item {item}" for item in items],
            "rank": items + 1,
            "score": scores.reshape(-1),
            "text_score": scores.reshape(-1) / 2,
            "p_click": [0.5] * rows,
            "p_purchase": [0.1] * rows,
            "p_like": [None] * rows,
            "source": ["text"] * rows,
            "cold_user": [False] * rows,
            "cold_item": [False] * rows,
            "reasons": ["[]"] * rows,
            "rule": [None] * rows,
            "model_id": ["made up"] * rows,
            "scored_at": [SCORED_AT] * rows,
        }
        return pa.table(columns).cast(SCHEMA)

    def _fail(self) -> None:
        if self.trouble == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.trouble == "bug":
            raise ZeroDivisionError("of all things")
        if self.trouble == "disk full":
            os.fsync = _disk_full  # in the worker, whose life ends with the run


def _disk_full(_: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def make_vectors(path: Path, users: int) -> Path:
    np.save(path, np.random.default_rng(0).normal(size=(users, 4)))
    return path


def plan(directory: Path, vectors: Path, **settings: Any) -> JobPlan:
    users = len(np.load(vectors, mmap_mode="r"))
    inputs = {"vectors": file_sha256(vectors)}
    return JobPlan(directory, users, 10, "made up", inputs, {"k": PLACES} | settings, SCORED_AT)


if __name__ == "__main__":
    # Workers find a class of this file under its name, not as the program that was started.
    from made_up_scores import MadeUpScore as Score

    out, vectors, seconds = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])
    run_job(plan(out, vectors), Score(vectors, seconds), workers=2)
