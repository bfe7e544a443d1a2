"""The whole scoring job on a synthetic shop: time per stage, rate, and peak memory.

python -m benchmarks.recommender_job [--users 100000] [--items 20000] [--workers 2]

The release is trained on the sample data first, if the store has none. The shop is synthetic: users
with 30 events in the mean, items as vectors around 200 directions, so that no text is encoded.
Stages are timed in one process over the first users; the job itself runs in worker processes, as
`score` runs it, for a tenth of the users and then for all of them, to see whether memory grows.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import psutil

from apps.recommender.catalogue.items import build_catalogue
from apps.recommender.catalogue.users import UserFeatures
from apps.recommender.data import Allowed
from apps.recommender.interactions.counting import EventCounting
from apps.recommender.interactions.events import Events, histories, sorted_events
from apps.recommender.job.batch import run_job
from apps.recommender.job.manifest import JobPlan
from apps.recommender.job.scoring import ShardScorer
from apps.recommender.pipeline.pipeline import Pipeline
from apps.recommender.pipeline.prepared import Prepared, write_prepared
from apps.recommender.release import Model, load_release
from apps.recommender.retrieval.neighbours import learn_neighbours
from apps.recommender.schema import Item
from apps.recommender.task import interests
from benchmarks.harness import parser, report
from common.releases.registry import Registry

SAMPLES = Path(__file__).parents[1] / "data_samples" / "recommender"
START, DAYS, DAY = 1_780_000_000, 90, 86_400
DIRECTIONS, MEAN_EVENTS = 200, 30
K, SHARD = 50, 1000
USERS_TIMED = 2048


def trained(store: Path) -> Model:
    """The sample shop's release, without the users file: a synthetic user has no features."""
    registry = Registry(store, "recommender")
    if registry.current_id() is None:
        files = ["--interactions", SAMPLES / "interactions.csv", "--items", SAMPLES / "items.jsonl"]
        command = [sys.executable, "-m", "apps.recommender", "train", *files, "--store", store]
        subprocess.run([str(part) for part in command], check=True, stdout=sys.stderr)
    return load_release(registry.open())


def shop(users: int, items: int, width: int, seed: int) -> Prepared:
    """Users who each like a few directions, and items that lie around them."""
    random = np.random.default_rng(seed)
    centres = random.standard_normal((DIRECTIONS, width)).astype(np.float32)
    kind = random.integers(DIRECTIONS, size=items)
    vectors = centres[kind] + 0.7 * random.standard_normal((items, width)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    catalogue = build_catalogue(
        [
            Item(
                item_id=f"item-{n}",
                title=f"Item {n}",
                tags=[f"tag-{kind[n]}", f"shade-{n % 30}"],
                category=f"shelf-{kind[n] % 12}",
                price=float(5 + n % 90),
                language="en" if n % 2 else "zh",
                created_at=datetime.fromtimestamp(START - DAY * (n % 300), UTC),
            )
            for n in range(items)
        ]
    )
    events = _events(users, kind, random)
    return Prepared(
        catalogue=catalogue,
        items=vectors,
        user_ids=[f"user-{n}" for n in range(users)],
        languages=["zh" if n % 2 else "en" for n in range(users)],
        events=events,
        features=UserFeatures([], np.empty((users, 0), np.float32)),
        allowed=Allowed(np.ones(items, np.bool_), {}),
        neighbours=learn_neighbours(events, catalogue),
        as_of=START + DAYS * DAY,
        snapshot=EventCounting(events, items).snapshot(START + DAYS * DAY),
    )


def _events(users: int, kind: np.ndarray, random: np.random.Generator) -> Events:
    each = random.geometric(1 / MEAN_EVENTS, size=users).clip(max=300)
    user = np.repeat(np.arange(users), each)
    likes = random.integers(DIRECTIONS, size=(users, 3))
    wanted = likes[user, random.integers(3, size=len(user))]
    by_kind = np.argsort(kind, kind="stable")
    first = np.searchsorted(kind[by_kind], wanted)
    size = np.searchsorted(kind[by_kind], wanted, side="right") - first
    # Squared, so that some items of a direction are more popular than others.
    item = by_kind[first + (random.random(len(user)) ** 2 * size).astype(int)]
    return sorted_events(
        user.astype(np.int32),
        item.astype(np.int32),
        random.choice(5, size=len(user), p=[0.4, 0.4, 0.06, 0.04, 0.1]).astype(np.int8),
        START + random.integers(DAYS * DAY, size=len(user)),
        np.ones(len(user), np.float32),
        users=users,
    )


def time_stages(pipeline: Pipeline, users: int) -> dict[str, float]:
    """Milliseconds a user by stage, one process of one thread."""
    prepared, spent = pipeline.prepared, dict.fromkeys(STAGES, 0.0)
    as_of = np.full(pipeline.block_size, prepared.as_of)
    for start in range(0, users, pipeline.block_size):
        block_users = np.arange(start, min(start + pipeline.block_size, users))
        moment = as_of[: len(block_users)]
        began = time.perf_counter()

        def lap(stage: str) -> None:
            nonlocal began
            now = time.perf_counter()
            spent[stage] += now - began
            began = now

        past = histories(prepared.events, block_users, moment, pipeline.choices.history)
        found = interests(pipeline.towers, prepared.items, past).numpy()
        lap("histories and towers")
        block = pipeline.look_up(block_users, moment)
        spoken = [prepared.languages[user] for user in block_users]
        lap("the same once more, candidates, features")
        pipeline.scores(block)
        lap("LightGBM")
        pipeline.rank_block(block, K, spoken, with_reasons=False)
        lap("LightGBM once more, diversity, probabilities")
        pipeline.rank_block(block, K, spoken)
        lap("all of the ranking with reasons")
        del found
    return _apart({stage: 1000 * seconds / users for stage, seconds in spent.items()})


STAGES = (
    "histories and towers",
    "the same once more, candidates, features",
    "LightGBM",
    "LightGBM once more, diversity, probabilities",
    "all of the ranking with reasons",
)


def _apart(spent: dict[str, float]) -> dict[str, float]:
    """Stages by themselves: some were timed together with one that was timed before."""
    towers, candidates, trees, diverse, whole = (spent[stage] for stage in STAGES)
    return {
        "histories and towers": towers,
        "candidates and features": candidates - towers,
        "LightGBM": trees,
        "diversity and probabilities": diverse - trees,
        "reasons": whole - diverse,
    }


class PeakMemory:
    """The most that this process and its children held together, sampled ten times a second.

    Pages that several of them map are counted once (proportional set size).
    """

    def __init__(self) -> None:
        self.peak = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        me = psutil.Process()
        while not self._ended.wait(0.5):
            held = 0
            for process in (me, *me.children(recursive=True)):
                try:
                    held += process.memory_full_info().pss
                except psutil.Error:
                    continue
            self.peak = max(self.peak, held)


def run(model: Model, prepared: Path, users: int, workers: int) -> dict[str, float]:
    """The job as `score` runs it: seconds, and the peak in MiB."""
    out = prepared.parent / f"out-{users}"
    plan = JobPlan(
        directory=out,
        users=users,
        shard_size=SHARD,
        model_id=model.model_id,
        inputs={},
        settings={"k": K},
        scored_at=datetime.fromtimestamp(START + DAYS * DAY, UTC),
    )
    scorer = ShardScorer(model.directory, prepared, K)
    with PeakMemory() as memory:
        began = time.perf_counter()
        outcome = run_job(plan, scorer, "local", workers)
        seconds = time.perf_counter() - began
    size = sum(path.stat().st_size for path in out.rglob("*.parquet"))
    shutil.rmtree(out)
    return {
        "seconds": seconds,
        "users/s": users / seconds,
        "rows": outcome.rows,
        "Parquet, MiB": size / 2**20,
        "peak memory of all processes, MiB": memory.peak / 2**20,
    }


def main() -> None:
    """Make the shop, time the stages, run the job."""
    arguments = parser(__doc__ or "")
    arguments.add_argument("--users", type=int, default=100_000)
    arguments.add_argument("--items", type=int, default=20_000)
    arguments.add_argument("--workers", type=int, default=2)
    arguments.add_argument("--store", type=Path, default=Path("var/benchmark"))
    chosen = arguments.parse_args()
    model = trained(chosen.store)
    width = len(model.towers.items.center)
    with tempfile.TemporaryDirectory() as directory:
        prepared = shop(chosen.users, chosen.items, width, chosen.seed)
        place = Path(directory) / "prepared"
        write_prepared(place, prepared)
        stages = time_stages(model.pipeline(prepared), min(USERS_TIMED, chosen.users))
        del prepared
        tenth = run(model, place, chosen.users // 10, chosen.workers)
        whole = run(model, place, chosen.users, chosen.workers)
    metrics = {f"{stage}, ms a user": spent for stage, spent in stages.items()}
    metrics |= {f"a tenth of the users: {name}": value for name, value in tenth.items()}
    metrics |= {f"all users: {name}": value for name, value in whole.items()}
    shape = {"users": chosen.users, "items": chosen.items, "workers": chosen.workers, "k": K}
    report("recommender_job", shape | metrics)


if __name__ == "__main__":
    main()
