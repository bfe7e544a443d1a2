"""The batch job: scores shard after shard, and goes on after whatever stopped it.

Workers write their shards themselves; here only rows and checksums pass, so that memory does not
grow with users.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from apps.recommender.job.executor import Answers, StoppedError
from apps.recommender.job.executors import executor_named
from apps.recommender.job.manifest import (
    LOCK,
    SUCCESS,
    JobPlan,
    Journal,
    clear_temporary,
    finish,
    is_intact,
    read_finished,
    refuse_foreign,
)
from apps.recommender.job.shards import Shard, ShardFile, write_shard
from common.console import progress, say
from common.errors import Exit, UserError
from common.files import exclusive_lock

if TYPE_CHECKING:
    import pyarrow as pa

Score = Callable[[Shard], "pa.Table"]


class StoppedByUserError(StoppedError):
    """Ctrl+C."""

    exit_code = Exit.INTERRUPTED


@dataclass(frozen=True)
class Outcome:
    """What stands in the directory now; `kept` shards were there before.

    `seconds` are those of the shards that were scored, loading included.
    """

    directory: Path
    shards: int
    kept: int
    users: int
    rows: int
    users_scored: int
    seconds: float


@dataclass(frozen=True)
class ScoreAndWrite:
    """What a worker does with a shard."""

    directory: Path
    score: Score

    def __call__(self, shard: Shard) -> ShardFile:
        """Score it and write it.

        Raises:
            StoppedError: it cannot be written.
        """
        table = self.score(shard)
        try:
            return write_shard(self.directory, shard, table)
        except OSError as error:
            raise unwritable(self.directory, error) from None


def check_directory(plan: JobPlan) -> None:
    """Say early what `run_job` would refuse; makes nothing.

    Raises:
        UserError: the directory of `plan` holds another run or something else.
    """
    if plan.directory.is_dir():
        refuse_foreign(plan.directory)
        read_finished(plan)


def run_job(plan: JobPlan, score: Score, executor: str = "local", workers: int = 1) -> Outcome:
    """Score all users of `plan` into its directory, or what an earlier start has left of them.

    The finished directory holds the same bytes however often it was stopped, on whichever executor
    and with however many workers.

    Args:
        score: the rows of a shard, a table of `shards.SCHEMA`; picklable, and the same rows
            whenever it is called.
        executor: `local` or `ray`.
        workers: processes or actors, a thread each.

    Raises:
        UserError: the directory holds another run or something else, another process is at work in
            it, or there is no such executor.
        StoppedError: the directory cannot be written, a worker died twice over a shard, or Ctrl+C.
    """
    run = executor_named(executor)
    work = ScoreAndWrite(plan.directory, score)
    try:
        plan.directory.mkdir(parents=True, exist_ok=True)
        refuse_foreign(plan.directory)
        with exclusive_lock(plan.directory / LOCK):
            finished = _verified(plan)
            kept, began = len(finished), monotonic()
            left = [shard for shard in plan.shards if shard.number not in finished]
            if left:
                (plan.directory / SUCCESS).unlink(missing_ok=True)
                clear_temporary(plan.directory)
                _collect(plan, run(work, left, workers), finished)
            seconds = monotonic() - began
            finish(plan, finished)
            (plan.directory / LOCK).unlink()
    except KeyboardInterrupt:
        raise StoppedByUserError("interrupted", hint="Run the same command to continue.") from None
    except OSError as error:
        raise unwritable(plan.directory, error) from None
    return Outcome(
        plan.directory,
        len(finished),
        kept,
        plan.users,
        sum(file.rows for file in finished.values()),
        sum(map(len, left)),
        seconds,
    )


def _verified(plan: JobPlan) -> dict[int, ShardFile]:
    """Shards of an earlier start whose files are as they were written, by number."""
    claimed = read_finished(plan)
    intact = {}
    with progress("verify shards", len(claimed)) as advance:
        for file in claimed:
            whole = file.shard < len(plan.shards) and file.users == len(plan.shards[file.shard])
            if whole and is_intact(plan.directory, file):
                intact[file.shard] = file
            advance()
    if claimed:
        say(f"{len(intact)} of {len(plan.shards)} shards are already done")
    for number in sorted({file.shard for file in claimed} - intact.keys()):
        say(f"shard {number}: missing or changed since it was written; scored again")
    return intact


def _collect(plan: JobPlan, answers: Answers, finished: dict[int, ShardFile]) -> None:
    """Count what workers have written, one by one, into `finished` and the journal."""
    total, users_left = len(plan.shards), plan.users - sum(f.users for f in finished.values())
    journal = Journal(plan, finished.values())
    try:
        with progress("score users", users_left) as advance, closing(answers):
            for file in answers:
                _check_visible(plan.directory, file)
                journal.add(file)
                finished[file.shard] = file
                advance(file.users, note=f"shard {len(finished)} of {total}")
    finally:
        journal.close()
        if len(finished) < total:
            say(f"{len(finished)} of {total} shards are done and kept")


def _check_visible(directory: Path, file: ShardFile) -> None:
    if not (directory / file.path).is_file():
        raise UserError(
            f"a worker wrote shard {file.shard} where this machine cannot see it",
            where=str(directory),
            hint="Name a directory on a file system that all machines of the cluster share.",
        )


def unwritable(directory: Path, error: OSError) -> StoppedError:
    """What stops a run that cannot write."""
    return StoppedError(
        f"cannot be written: {error.strerror or error}",
        where=str(directory),
        hint="Fix that and run the same command to continue; nothing is half-written.",
    )
