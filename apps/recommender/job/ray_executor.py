"""Shards scored on Ray: Ray Data over their numbers, an actor of one thread a worker."""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from apps.recommender.job.executor import (
    ONE_THREAD,
    Answers,
    StoppedError,
    Work,
    attempt,
    died_twice,
)
from apps.recommender.job.shards import Shard, ShardFile
from common.errors import Exit, UserError

# Answers are a few hundred bytes each.
OBJECT_STORE_BYTES = 128 << 20
KNOCK_SECONDS = 10


def run_on_ray(work: Work, shards: Sequence[Shard], workers: int) -> Answers:
    """The cluster that `RAY_ADDRESS` names, or a Ray of this machine alone for as long as it runs.

    Raises:
        UserError: Ray is not installed.
        StoppedError: a worker died twice over the same shard, or the cluster cannot be reached.
    """
    try:
        import ray.data
    except ImportError:
        raise UserError("Ray is not installed", hint="pip install 'bizlm[ray]'") from None
    started = not ray.is_initialized()
    if started:
        _start(workers)
    try:
        yield from _answers(work, shards, workers)
    finally:
        if started:
            ray.shutdown()


def _start(workers: int) -> None:
    import ray

    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.CRITICAL}
    cluster = os.environ.get("RAY_ADDRESS")
    if cluster:
        try:
            _knock(cluster)
            ray.init(**quiet)
        except (OSError, ray.exceptions.RayError) as error:
            raise StoppedError(
                f"cannot join the Ray cluster: {str(error).strip()}",
                where=f"RAY_ADDRESS={cluster}",
                hint="Restore the cluster and run the same command to continue.",
            ) from None
        return
    # Its own warnings about how Ray Data starts actors would stand between our lines.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    ray.init(
        address="local",
        num_cpus=workers,
        object_store_memory=OBJECT_STORE_BYTES,
        include_dashboard=False,
        # What this process can import, its workers can.
        runtime_env={"env_vars": {"PYTHONPATH": os.pathsep.join(sys.path)}},
        **quiet,
    )


def _knock(address: str) -> None:
    """Raise an OSError where nobody listens: Ray would try for many minutes without a word."""
    host, colon, port = address.rpartition(":")
    if colon and port.isdigit() and "://" not in host:
        socket.create_connection((host, int(port)), timeout=KNOCK_SECONDS).close()


def _answers(work: Work, shards: Sequence[Shard], workers: int) -> Answers:
    import ray
    from ray.data import ActorPoolStrategy, DataContext, from_items

    DataContext.get_current().enable_progress_bars = False
    rows = [{"number": s.number, "start": s.start, "stop": s.stop} for s in shards]
    answers = from_items(rows, override_num_blocks=len(rows)).map_batches(
        _actor(work, _count_attempts()),
        batch_size=1,
        compute=ActorPoolStrategy(size=min(workers, len(rows))),
        num_cpus=1,
        runtime_env={"env_vars": ONE_THREAD},
    )
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    try:
        for row in answers.iter_rows():
            yield _decode(row["answer"])
    except ray.exceptions.RayError as error:
        raise StoppedError(
            f"Ray stopped: {type(error).__name__}",
            hint=f"{str(error).strip()}\n  Run the same command to continue.",
        ) from None


class Attempts:
    """An actor that counts: Ray tries a shard that kills its worker again without end."""

    def __init__(self) -> None:
        self._begun: Counter[int] = Counter()

    def begin(self, shard: int) -> int:
        """How often the shard has been begun, this time among them."""
        self._begun[shard] += 1
        return self._begun[shard]


def _count_attempts() -> Any:
    """The counter, on this machine: it shall not go away with one of the workers'."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    return ray.remote(num_cpus=0, scheduling_strategy=here)(Attempts).remote()


def _actor(work: Work, attempts: Any) -> type:
    """The class of the workers: shards as columns in, an answer for each as JSON out."""

    class ShardActor:
        def __call__(self, batch: dict[str, Any]) -> dict[str, list[str]]:
            columns = (batch["number"], batch["start"], batch["stop"])
            shards = [Shard(*map(int, row)) for row in zip(*columns, strict=True)]
            return {"answer": [_encode(self._answer(shard)) for shard in shards]}

        def _answer(self, shard: Shard) -> ShardFile | Exception:
            import ray

            if ray.get(attempts.begin.remote(shard.number)) > 2:
                return died_twice(shard.number, "on Ray")
            return attempt(work, shard)

    return ShardActor


def _encode(answer: ShardFile | Exception) -> str:
    if isinstance(answer, ShardFile):
        return json.dumps({"written": asdict(answer)})
    if isinstance(answer, UserError):
        error_parts = {"what": answer.what, "where": answer.where, "hint": answer.hint}
        return json.dumps({"error": error_parts, "exit_code": int(answer.exit_code)})
    return json.dumps({"bug": str(answer)})


def _decode(text: str) -> ShardFile:
    answer = json.loads(text)
    if "written" in answer:
        return ShardFile(**answer["written"])
    if "error" in answer:
        error_parts = answer["error"]
        kind = StoppedError if answer["exit_code"] == Exit.REFUSED else UserError
        raise kind(error_parts["what"], where=error_parts["where"], hint=error_parts["hint"])
    raise RuntimeError(answer["bug"])
