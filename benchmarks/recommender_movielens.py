"""Ranking quality on ml-latest-small: all films ranked for every user, beside simpler methods.

python -m benchmarks.recommender_movielens [--data DIR] [--before 0.8]

The test begins at one moment for all, by default after eight tenths of the ratings. Everything,
the settings of the simpler methods too, is fitted and chosen on what came before.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from apps.recommender.cli import DEFAULTS
from apps.recommender.comparison.comparison import Comparison
from apps.recommender.data import Dataset, Sources, read_dataset
from apps.recommender.evaluate import compare
from apps.recommender.interactions.importers import import_dataset
from apps.recommender.interactions.timeline import iso, split_in_time
from apps.recommender.reporting import comparison_table
from apps.recommender.train import train
from benchmarks.harness import parser, report, start
from common.console import results
from common.releases.registry import Registry
from common.tuning.configuration import read_settings

FIGURES = ("ndcg@10", "recall@50")
APART = ("cold_users/", "cold_items/")
FURTHER = ("mrr@10", "coverage", "novelty", "diversity")


def main() -> None:
    """Import, train, measure once on what came after, report."""
    arguments = parser("ml-latest-small: nDCG@10 and recall@50 beside simpler methods")
    arguments.add_argument("--before", type=float, default=0.8, help="share of ratings before test")
    chosen = arguments.parse_args()
    start(chosen)
    settings = read_settings(
        None, [], defaults=DEFAULTS | {"precision": "fp32"}, seed=chosen.seed or None
    )
    with tempfile.TemporaryDirectory() as folder:
        dataset = _imported(chosen.data / "ml_latest_small", Path(folder))
        cutoff = int(np.quantile(dataset.events.time, chosen.before))
        timeline = split_in_time(dataset.events, dataset.catalogue, cutoff=cutoff)
        trained = train(dataset, timeline, settings, Registry(Path(folder), "recommender"))
    assert trained is not None
    compared, manifest = trained.comparison, trained.release.manifest
    asked = compared.queries
    title = f"{len(asked)} users after {iso(cutoff)}"
    results().print(comparison_table(compared.model, compared.others, title))
    report(
        "recommender_movielens",
        {
            "ratings": len(dataset.events),
            "films": len(dataset.catalogue),
            "test begins": iso(cutoff),
            "test users": len(asked),
            "cold users": int(asked.cold_user.sum()),
            "share of cold films among the relevant": asked.cold_item_share,
            "strength of diversity": manifest["diversity"]["strength"],
            "minutes of tuning": manifest["seconds"] / 60,
            **_lines(compared),
        },
    )


def _imported(source: Path, folder: Path) -> Dataset:
    interactions, items, *_ = import_dataset("movielens", source, folder / "imported")
    return read_dataset(Sources([interactions], [items]))


def _lines(compared: Comparison) -> dict[str, Any]:
    """By method: its figures, and what the recommender gains over it, with the 95 % interval."""
    kept = [f"{apart}{name}" for apart in ("", *APART) for name in FIGURES] + list(FURTHER)
    lines = {
        f"{method}": {name: round(metrics[name], 4) for name in kept if name in metrics}
        for method, metrics in compared.metrics.items()
    }
    for name in (f"{apart}{figure}" for apart in ("", *APART) for figure in FIGURES):
        for method, found in compare(compared.model, compared.others, name).items():
            gain = [round(value, 4) for value in (found.gain, found.low, found.high)]
            lines[method][f"{name}, gain over it, from, to"] = gain
    return lines


if __name__ == "__main__":
    main()
