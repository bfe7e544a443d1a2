"""Exact search beside the bare blocked matrix product, at the same shapes, in turns.

python -m benchmarks.recommender_scoring [--users 20000] [--items 100000] [--workers 2]

As in the job, each worker is a process of one thread; all do the same at the same time. Vectors are
synthetic: the work is the same whatever they hold. The time of a million users is extrapolated from
the users that were measured.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import numpy as np
import torch

from apps.recommender.job.executor import ONE_THREAD
from apps.recommender.retrieval.exact import VECTORS, exact_top_k
from benchmarks.harness import parser, report

WIDTH = 384
ALL_USERS = 1_000_000
ROUNDS = 10


def unit_vectors(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Random directions, as the towers give them."""
    drawn = rng.standard_normal((*shape, WIDTH), np.float32)
    return drawn / np.linalg.norm(drawn, axis=-1, keepdims=True)


def numpy_product(vectors: np.ndarray, items: np.ndarray, room: np.ndarray) -> None:
    """All dot products, a block at a time into the same memory; nothing is chosen."""
    for start in range(0, len(vectors), VECTORS):
        block = vectors[start : start + VECTORS]
        np.matmul(block, items.T, out=room[: len(block)])


def torch_product(vectors: np.ndarray, items: np.ndarray, room: np.ndarray) -> None:
    """The same by torch."""
    out, columns = torch.from_numpy(room), torch.from_numpy(items).T
    for start in range(0, len(vectors), VECTORS):
        block = torch.from_numpy(vectors[start : start + VECTORS])
        torch.matmul(block, columns, out=out[: len(block)])


@dataclass(frozen=True)
class Shape:
    """What one worker does."""

    users: int
    items: int
    k: int


def work(
    shape: Shape, path: Path, seed: int, together: Barrier, answers: Queue[dict[str, float]]
) -> None:
    """Time each kind of run in turns; answers with the seconds that each took in all."""
    rng = np.random.default_rng(seed)
    # Writable only because torch wants it so; nothing writes.
    items = np.load(path, mmap_mode="c")
    room = np.empty((VECTORS, shape.items), np.float32)
    runs: dict[str, Callable[[np.ndarray], object]] = {
        "numpy": lambda vectors: numpy_product(vectors, items, room),
        "exact_top_k": lambda vectors: exact_top_k(vectors[:, None], items, shape.k),
        "torch": lambda vectors: torch_product(vectors, items, room),
    }
    for run in runs.values():
        run(unit_vectors(rng, VECTORS))
    seconds = dict.fromkeys(runs, 0.0)
    for _ in range(ROUNDS):
        vectors = unit_vectors(rng, shape.users // ROUNDS)
        for name, run in runs.items():
            together.wait()
            began = time.perf_counter()
            run(vectors)
            seconds[name] += time.perf_counter() - began
    answers.put(seconds)


def measure(shape: Shape, workers: int, seed: int) -> dict[str, float]:
    """Pairs a second of each kind, all workers together."""
    context = get_context("spawn")
    together = context.Barrier(workers)
    answers: Queue[dict[str, float]] = context.Queue()
    os.environ |= ONE_THREAD
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "items.npy"
        np.save(path, unit_vectors(np.random.default_rng(seed), shape.items))
        crew = [
            context.Process(target=work, args=(shape, path, seed + n, together, answers))
            for n in range(1, workers + 1)
        ]
        for worker in crew:
            worker.start()
        seconds = [answers.get() for _ in crew]
        for worker in crew:
            worker.join()
    pairs = shape.users // ROUNDS * ROUNDS * shape.items
    return {name: sum(pairs / each[name] for each in seconds) for name in seconds[0]}


def main() -> None:
    """Measure, print, keep."""
    arguments = parser(__doc__ or "")
    arguments.add_argument("--users", type=int, default=20_000, help="of all workers together")
    arguments.add_argument("--items", type=int, default=100_000)
    arguments.add_argument("--k", type=int, default=200, help="candidates a user")
    arguments.add_argument("--workers", type=int, default=2)
    chosen = arguments.parse_args()
    torch.set_num_threads(1)
    shape = Shape(chosen.users // chosen.workers, chosen.items, chosen.k)
    rates = measure(shape, chosen.workers, chosen.seed)
    users = rates["exact_top_k"] / shape.items
    metrics: dict[str, Any] = {
        "workers, one thread each": chosen.workers,
        "users measured": shape.users * chosen.workers,
        "items": shape.items,
        "width": WIDTH,
        "k": shape.k,
        "bare product by numpy, M pairs/s": rates["numpy"] / 1e6,
        "bare product by torch, M pairs/s": rates["torch"] / 1e6,
        "exact_top_k, M pairs/s": rates["exact_top_k"] / 1e6,
        "ratio to the faster bare product": (
            rates["exact_top_k"] / max(rates["numpy"], rates["torch"])
        ),
        "exact_top_k, users/s": users,
        f"minutes for {ALL_USERS:,} users, extrapolated": ALL_USERS / users / 60,
    }
    report("recommender_scoring", metrics)


if __name__ == "__main__":
    main()
