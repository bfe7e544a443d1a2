"""What scores shards: a worker's task, and what may go wrong with it."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Generator, Sequence
from typing import Protocol

from apps.recommender.job.shards import Shard, ShardFile
from common.errors import Exit, UserError

Work = Callable[[Shard], ShardFile]


Answers = Generator[ShardFile, None, None]


# A thread each: two pools that spin against each other are slower than one, and a sum that is
# split over threads may differ in its last bit.
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "POLARS_MAX_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}


class StoppedError(UserError):
    """The run stopped with work left; the same command goes on."""

    exit_code = Exit.REFUSED


class Executor(Protocol):
    """Does `work` for every shard, in any order, and yields what was written as it comes.

    Raises:
        StoppedError: a worker died twice over the same shard.
        UserError: what the work raised; any other exception of it comes as a RuntimeError.
    """

    def __call__(self, work: Work, shards: Sequence[Shard], workers: int) -> Answers:
        """Start; ends its workers when closed."""


def died_twice(shard: int, how: str) -> StoppedError:
    """The error of a shard whose worker died at both attempts."""
    return StoppedError(
        f"shard {shard}: its worker died twice ({how})",
        hint="Most often memory ran out: use fewer workers and run the same command to continue.",
    )


def attempt(work: Work, shard: Shard) -> ShardFile | Exception:
    """What `work` returns or raises, in a form that travels between processes."""
    try:
        return work(shard)
    except UserError as error:
        return error
    except Exception:
        return RuntimeError(f"shard {shard.number}:\n{traceback.format_exc()}")
