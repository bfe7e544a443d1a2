"""What items that nobody has met gain among all others, and what it costs these.

python -m benchmarks.recommender_cold [shop] [films] [--data DIR] [--work DIR]

The recommender is trained on the sample shop, and on ml-latest-small with a test after eight tenths
of the ratings. Where cold items stand is chosen before the test; on the test, the lists as chosen
stand beside those as scored, those with places kept for cold items, and those with other bonuses.
Interrupted, the same command goes on.
"""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.recommender.cold.places import STEPS
from apps.recommender.cold.together import raised
from apps.recommender.comparison.comparison import serving_pipeline
from apps.recommender.data import Dataset, Sources, read_dataset
from apps.recommender.evaluate import SHOWN, Evaluation, evaluate_lists
from apps.recommender.interactions.importers import import_dataset
from apps.recommender.interactions.timeline import Timeline, Window, split_in_time
from apps.recommender.options_cli import DEFAULTS, SAMPLES
from apps.recommender.pipeline.choices import Choices
from apps.recommender.pipeline.cold import BONUSES, OF_COLD
from apps.recommender.pipeline.pipeline import Pipeline
from apps.recommender.pipeline.windows import window_blocks
from apps.recommender.release import load_release
from apps.recommender.train import train
from benchmarks.harness import parser, report, start
from common.evaluation.compare import paired_bootstrap
from common.releases.registry import Registry
from common.tuning.configuration import read_settings

FIGURE = "ndcg@10"
SHOPS = ("shop", "films")
BEFORE_TEST = 0.8
AS_SCORED, AS_CHOSEN = "as scored", "as chosen"
Floats = NDArray[np.float64]


def main() -> None:
    """Train, measure once on the test, report."""
    arguments = parser("nDCG@10 of cold items among all, and of all others")
    arguments.add_argument("shops", nargs="*", metavar="SHOP", help="shop, films; default: both")
    arguments.add_argument("--work", type=Path, default=Path("var/recommender-cold"))
    chosen = arguments.parse_args()
    start(chosen)
    settings = read_settings(
        None, [], defaults=DEFAULTS | {"precision": "fp32"}, seed=chosen.seed or None
    )
    found: dict[str, Any] = {}
    for name in chosen.shops or SHOPS:
        dataset, timeline = _films(chosen) if name == "films" else _shop()
        registry = Registry(chosen.work / name, "recommender")
        trained = train(dataset, timeline, settings, registry, resume=True, promote=False)
        assert trained is not None
        model, window = load_release(trained.release), timeline.test
        pipeline = serving_pipeline(model, dataset, window, registry.root / "vectors")
        found[name] = {
            "users": len(window.queries),
            "share of cold items among the relevant": round(window.queries.cold_item_share, 3),
            "before the test": trained.release.manifest["cold"],
            "test": _test(pipeline, window, trained.comparison.before),
        }
    report("recommender_cold", found)


def _shop() -> tuple[Dataset, Timeline]:
    dataset = read_dataset(Sources([SAMPLES / "interactions.csv"], [SAMPLES / "items.jsonl"]))
    return dataset, split_in_time(dataset.events, dataset.catalogue)


def _films(chosen: Any) -> tuple[Dataset, Timeline]:
    source, folder = chosen.data / "ml_latest_small", chosen.work / "imported"
    interactions, items, *_ = import_dataset("movielens", source, folder)
    dataset = read_dataset(Sources([interactions], [items]))
    cutoff = int(np.quantile(dataset.events.time, BEFORE_TEST))
    return dataset, split_in_time(dataset.events, dataset.catalogue, cutoff=cutoff)


def _test(pipeline: Pipeline, window: Window, untuned: Evaluation) -> dict[str, Any]:
    """Of each way: nDCG@10, that of cold items and of all others; what was chosen beside two."""
    asked = window.queries
    met = [relevant[~asked.cold_item[relevant]] for relevant in asked.relevant]
    figures: dict[str, tuple[Floats, Floats, Floats]] = {}
    for name, lists in _lists(pipeline, window).items():
        every = evaluate_lists(name, lists, asked).metrics
        others = evaluate_lists(name, lists, replace(asked, relevant=met)).metrics[FIGURE]
        figures[name] = every[FIGURE], every[OF_COLD], others
    now, scored = figures[AS_CHOSEN], figures[AS_SCORED]
    kinds = ("all", "cold items", "met items")
    return {
        "ways": {
            name: {kind: _mean(one) for kind, one in zip(kinds, three, strict=True)}
            for name, three in figures.items()
        },
        "untuned text, cold items": _mean(untuned.metrics[OF_COLD]),
        "chosen gains over the untuned text, cold items": _gain(untuned.metrics[OF_COLD], now[1]),
        **{
            f"chosen gains over as scored, {kind}": _gain(before, after)
            for kind, before, after in zip(kinds, scored, now, strict=True)
        },
    }


def _lists(pipeline: Pipeline, window: Window) -> dict[str, NDArray[np.int32]]:
    """By way, [queries, SHOWN], diversity as chosen."""
    ways: dict[str, Choices] = {AS_CHOSEN: pipeline.choices}
    plain = replace(pipeline.choices, cold_step=0, cold_together=None)
    ways[AS_SCORED] = plain
    ways |= {f"{n} of ten": replace(plain, cold_step=step) for n, step in STEPS.items() if n}
    if (order := pipeline.choices.cold_together) is not None:
        ways |= {
            f"the bonus chosen {more:+g}": replace(plain, cold_together=raised(order, more))
            for more in (*(-one for one in BONUSES[:0:-2]), *BONUSES[2::2])
        }
    found: dict[str, list[NDArray[np.int32]]] = {name: [] for name in ways}
    for block in window_blocks(pipeline, window, "Ranking"):
        scores = pipeline.scores(block)
        for name, choices in ways.items():
            one = copy(pipeline)
            one.choices = choices
            spoken = [None] * len(block.users)
            found[name].append(one.rank_block(block, SHOWN, spoken, None, False, scores).item)
    return {name: np.concatenate(parts) for name, parts in found.items()}


def _mean(values: Floats) -> float:
    return round(float(np.nanmean(values)), 4)


def _gain(before: Floats, after: Floats) -> list[float]:
    """With the 95 % interval."""
    known = ~np.isnan(before) & ~np.isnan(after)
    found = paired_bootstrap(before[known], after[known])
    return [round(value, 4) for value in (found.gain, found.low, found.high)]


if __name__ == "__main__":
    main()
