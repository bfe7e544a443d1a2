"""What it costs and earns to put profitable items higher, on the sample shop with made-up margins.

python -m benchmarks.recommender_margins [--loss 0.02] [--work DIR]

No public data set says what items earn. Here each earns 5 to 60 % of its price, drawn once and
independent of what readers like. The weight is chosen before the test; on the test the lists with
it stand beside those without it. Interrupted, the same command goes on.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from apps.recommender.comparison.comparison import ask, serving_pipeline
from apps.recommender.data import Dataset, Sources, read_dataset
from apps.recommender.evaluate import evaluate_lists
from apps.recommender.interactions.events import Events, Int32
from apps.recommender.interactions.timeline import Window, split_in_time
from apps.recommender.options_cli import DEFAULTS, SAMPLES
from apps.recommender.ranking.probabilities import PURCHASE
from apps.recommender.ranking.ranker import GAINS
from apps.recommender.release import load_release
from apps.recommender.train import train
from benchmarks.harness import parser, report, start
from common.evaluation.compare import Difference, paired_bootstrap
from common.releases.registry import Registry
from common.tuning.configuration import read_settings

SHOWN = 10


def main() -> None:
    """Train with a price for margins, measure both lists once on the test, report."""
    arguments = parser("the sample shop with made-up margins: what lists earn, and its price")
    arguments.add_argument("--loss", type=float, default=0.02, help="of nDCG@10, at most")
    arguments.add_argument("--work", type=Path, default=Path("var/recommender-margins"))
    chosen = arguments.parse_args()
    start(chosen)
    settings = read_settings(
        None, [], defaults=DEFAULTS | {"precision": "fp32"}, seed=chosen.seed or None
    )
    dataset = _with_margins(chosen.seed)
    timeline = split_in_time(dataset.events, dataset.catalogue)
    registry = Registry(chosen.work, "recommender")
    trained = train(
        dataset,
        timeline,
        settings,
        registry,
        margin_ndcg_loss=chosen.loss,
        resume=True,
        promote=False,
    )
    assert trained is not None
    model = load_release(trained.release)
    pipeline = serving_pipeline(model, dataset, timeline.test, registry.root / "vectors")
    asked = ask(pipeline, timeline.test)
    margins, queries = trained.release.manifest["margins"], timeline.test.queries
    lists = [*asked.without_margins, asked.lists]
    ndcg = [evaluate_lists("", one, queries).metrics["ndcg@10"] for one in lists]
    earned = [_earned(one, timeline.test, dataset) for one in lists]
    report(
        "recommender_margins",
        {
            "items": len(dataset.catalogue),
            "test users": len(queries),
            "may cost, of nDCG@10": chosen.loss,
            "weight, chosen before the test": margins["weight"],
            "weight: nDCG@10, costs, at most, expected margin, earned": {
                f"{one['weight']:g}": [
                    round(one[name], 4) for name in ("ndcg", "cost", "most", "gained", "realised")
                ]
                for one in margins["tried"]
            },
            "test, nDCG@10, without, with, change, from, to": _line(paired_bootstrap(*ndcg))
            if asked.without_margins
            else None,
            "test, earned of the first ten, without, with, change, from, to": _line(
                paired_bootstrap(*earned)
            )
            if asked.without_margins
            else None,
        },
    )


def _with_margins(seed: int) -> Dataset:
    done = [SAMPLES / "interactions.csv", SAMPLES / "impressions.csv"]
    dataset = read_dataset(Sources(done, [SAMPLES / "items.jsonl"], SAMPLES / "users.csv"))
    catalogue = dataset.catalogue
    share = np.random.default_rng(seed).uniform(0.05, 0.6, len(catalogue))
    return replace(dataset, catalogue=replace(catalogue, margin=share * catalogue.price))


def _earned(lists: Int32, window: Window, dataset: Dataset) -> NDArray[np.float64]:
    """[queries], the margins of what each user then bought of the first places."""
    margin = np.nan_to_num(dataset.catalogue.margin)
    events: Events = window.known
    found = np.zeros(len(lists))
    for row, (user, moment) in enumerate(
        zip(window.queries.users, window.queries.as_of, strict=True)
    ):
        own = events.of(int(user))
        is_sold = (events.time[own] >= moment) & (GAINS[events.behavior[own]] >= PURCHASE)
        bought = np.intersect1d(events.item[own][is_sold], lists[row, :SHOWN])
        found[row] = margin[bought].sum()
    return found


def _line(found: Difference) -> list[float]:
    return [round(one, 4) for one in (found.before, found.after, found.gain, found.low, found.high)]


if __name__ == "__main__":
    main()
