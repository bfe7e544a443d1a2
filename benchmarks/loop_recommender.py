"""What the recommender gains by learning each week from what users did.

python -m benchmarks.loop_recommender [--data DIR] [--weeks 26] [--shop]

A release is trained on what lies before the last `--weeks` weeks. Then, week by week, what users
did is reported and `learn --promote` runs; the release that serves is asked about the next week.
Beside it stands the first release, which did not learn: once with histories, counts and neighbours
up to date, as a server has them, and once with what it knew when it was trained. `--shop`: the
bundled sample shop in place of ml-latest-small.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from apps.recommender.comparison.comparison import serving_lists
from apps.recommender.data import Dataset, Sources, read_dataset
from apps.recommender.evaluate import evaluate_lists
from apps.recommender.interactions.behaviors import Behaviors
from apps.recommender.interactions.importers import import_dataset
from apps.recommender.interactions.timeline import Window, iso, split_in_time, window_from
from apps.recommender.learning.comparison import FIGURE
from apps.recommender.learning.learn import learn
from apps.recommender.learning.store import EventStore
from apps.recommender.learning.taking import read_events
from apps.recommender.options_cli import APPLICATION, DEFAULTS, SAMPLES
from apps.recommender.release import load_release
from apps.recommender.train import train
from benchmarks.harness import parser, report, start
from common.console import say
from common.errors import UserError
from common.evaluation.compare import paired_bootstrap
from common.releases.registry import Registry
from common.storage.database import DATABASE, Database
from common.tuning.configuration import read_settings

WEEK = 7 * 86400


def main() -> None:
    """Train once, then learn week by week; report the figures pooled over all weeks' users."""
    arguments = parser("nDCG@10 of the next week, learning weekly, beside a release that does not")
    arguments.add_argument("--weeks", type=int, default=26)
    arguments.add_argument("--shop", action="store_true", help="the bundled sample shop")
    chosen = arguments.parse_args()
    start(chosen)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        files = _shop(root) if chosen.shop else _films(chosen.data / "ml_latest_small", root)
        name = "loop_recommender_shop" if chosen.shop else "loop_recommender"
        report(name, _run(root, *files, chosen.weeks))


def _shop(root: Path) -> tuple[Path, Path]:
    rows = pl.read_csv(SAMPLES / "interactions.csv", infer_schema=False)
    seconds = pl.col("timestamp").str.to_datetime(time_zone="UTC").dt.epoch("s")
    rows.with_columns(seconds).write_csv(root / "all.csv")
    return root / "all.csv", SAMPLES / "items.jsonl"


def _films(source: Path, root: Path) -> tuple[Path, Path]:
    interactions, items, *_ = import_dataset("movielens", source, root / "imported")
    return interactions, items


def _run(root: Path, interactions: Path, items: Path, weeks: int) -> dict[str, object]:
    rows = pl.read_csv(interactions)
    end = int(rows["timestamp"].max()) + 1  # type: ignore[arg-type]
    begin = end - weeks * WEEK
    past = root / "past.csv"
    rows.filter(pl.col("timestamp") < begin).write_csv(past)
    registry = Registry(root, APPLICATION)
    sources = Sources([past], [items])
    settings = read_settings(None, [], defaults=DEFAULTS | {"precision": "fp32"})
    known = read_dataset(sources)
    first = train(known, split_in_time(known.events, known.catalogue), settings, registry)
    assert first is not None
    whole = read_dataset(Sources([interactions], [items]))
    found: dict[str, list[np.ndarray]] = {"learning": [], "first": [], "first, not told": []}
    promoted = 0
    store = EventStore(Database(root / DATABASE), APPLICATION)
    for number, (since, until) in enumerate(_weeks(begin, end)):
        if number:
            promoted += _learn(root, rows, sources, registry, store, since - WEEK, since)
        window = _window(whole, since, until)
        if window is None:
            continue
        serving = registry.open().release_id
        for name, release in (("learning", serving), ("first", first.release.release_id)):
            found[name].append(_figures(registry, release, whole, window))
        untold = Window(whole.events.before(begin), window.known, window.queries)
        found["first, not told"].append(_figures(registry, first.release.release_id, whole, untold))
        means = {name: f"{np.concatenate(values).mean():.4f}" for name, values in found.items()}
        say(f"Week {number + 1} of {weeks}, {iso(since)}: {means}")
    pooled = {name: np.concatenate(values) for name, values in found.items()}
    return {
        "weeks": weeks,
        "begins": iso(begin),
        "users asked, over all weeks": len(pooled["learning"]),
        "candidates promoted": promoted,
        **{f"{FIGURE}, {name}": round(float(values.mean()), 4) for name, values in pooled.items()},
        **{
            f"gain over {name}, from, to": _gain(pooled[name], pooled["learning"])
            for name in ("first", "first, not told")
        },
    }


def _weeks(begin: int, end: int) -> Iterator[tuple[int, int]]:
    for since in range(begin, end, WEEK):
        yield since, since + WEEK


def _learn(
    root: Path,
    rows: pl.DataFrame,
    sources: Sources,
    registry: Registry,
    store: EventStore,
    since: int,
    until: int,
) -> bool:
    path = root / "week.csv"
    week = rows.filter((pl.col("timestamp") >= since) & (pl.col("timestamp") < until))
    if week.is_empty():
        return False
    week.write_csv(path)
    store.add(read_events(path, {}, Behaviors()))
    # Here a week's users are few, each with whole evenings of ratings: no share is capped.
    learned = learn(registry, store, sources, promote=True, per_user=1.0)
    say(learned.verdict)
    return learned.promoted


def _window(whole: Dataset, since: int, until: int) -> Window | None:
    try:
        return window_from(whole.events.before(until), whole.catalogue, since)
    except UserError:
        return None


def _figures(registry: Registry, release_id: str, whole: Dataset, window: Window) -> np.ndarray:
    """[queries]."""
    model = load_release(registry.open(release_id))
    lists = serving_lists(model, whole, window, registry.root / "vectors")
    return evaluate_lists(release_id, lists, window.queries).metrics[FIGURE]


def _gain(before: np.ndarray, after: np.ndarray) -> list[float]:
    found = paired_bootstrap(before, after)
    return [round(value, 4) for value in (found.gain, found.low, found.high)]


if __name__ == "__main__":
    main()
