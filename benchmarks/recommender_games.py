"""What fine-tuning makes of texts on games_6k: the last game of each user among all of them.

python -m benchmarks.recommender_games [--data DIR] [--users 20000] [--epochs 6] [--work DIR]
    [--peers PYTHON]

Texts alone, before and after, beside methods that know who took what; the second stage plays no
part. With `--peers` the whole recommender is trained, too, and set beside libraries. The source has
an order and no times: every user ends at the same hour, with an event an hour. Interrupted, the
same command goes on: what was read and learned is kept in `--work`.
"""

from __future__ import annotations

import csv
from pathlib import Path
from time import monotonic
from typing import Any

from torch import nn

from apps.recommender.baselines.tuning import families_of_events, tune_baselines
from apps.recommender.comparison.comparison import BEFORE, TEXT, TextScorer
from apps.recommender.data import Dataset, Sources, read_dataset
from apps.recommender.evaluate import (
    Evaluation,
    evaluate_baselines,
    evaluate_lists,
    rank_queries,
    summarise,
)
from apps.recommender.interactions.timeline import Timeline, split_in_time
from apps.recommender.options_cli import DEFAULTS
from apps.recommender.pipeline.first_stage import fit_towers
from apps.recommender.retrieval.towers import TowerSizes
from apps.recommender.task import item_vectors
from apps.recommender.train import train
from benchmarks.harness import parser, report, start
from benchmarks.peers.libraries import add_peers, peers_beside, require_peers
from common.evaluation.compare import paired_bootstrap
from common.models.devices import pick_device
from common.models.encoder import load_encoder
from common.releases.registry import Registry
from common.tuning.configuration import read_settings
from common.tuning.settings import Settings
from common.tuning.starting import find_backbone

FIGURES = ("ndcg@10", "recall@50")
END, HOUR = 1_600_000_000, 3600


def main() -> None:
    """Write the events, fine-tune, measure once on the last events, report."""
    arguments = parser("games_6k: nDCG@10 and recall@50 of texts alone, beside simpler methods")
    arguments.add_argument("--users", type=int, default=20_000, help="the first so many")
    arguments.add_argument("--epochs", type=int, default=6)
    arguments.add_argument("--work", type=Path, default=Path("var/recommender-games"))
    add_peers(arguments)
    chosen = arguments.parse_args()
    start(chosen)
    require_peers(chosen.peers)
    given = {"precision": "fp32", "batch_size": 256, "epochs": chosen.epochs}
    settings = read_settings(None, [], defaults=DEFAULTS | given, seed=chosen.seed or None)
    source = chosen.data / "games_6k"
    chosen.work.mkdir(parents=True, exist_ok=True)
    events = _events(source / "sequences.csv", chosen.work / "events.csv", chosen.users)
    dataset = read_dataset(Sources([events], [source / "items.csv"]))
    timeline = split_in_time(dataset.events, dataset.catalogue, strategy="leave-one-out")
    whole = _beside_peers(chosen.peers, dataset, timeline, settings, chosen.work)
    loaded = load_encoder(find_backbone("auto", dataset.catalogue.spoken), dropout=settings.dropout)
    nn.Module.to(loaded.network, pick_device(settings.device))
    root = chosen.work / "recommender"
    first = fit_towers(loaded, dataset, timeline, settings, TowerSizes(), root, resume=True)
    assert first is not None
    known, queries, catalogue = timeline.test.known, timeline.test.queries, dataset.catalogue
    untrained = item_vectors(first.untrained, first.pretrained).numpy()
    scorers = {
        TEXT: TextScorer(first.towers, first.items),
        BEFORE: TextScorer(first.untrained, untrained),
    }
    after, before = (
        evaluate_lists(name, rank_queries(scorer, known, queries), queries)
        for name, scorer in scorers.items()
    )
    tried = timeline.calibration
    simple = tune_baselines(families_of_events(), tried.known, catalogue, tried.queries)
    others = [before, *evaluate_baselines(simple, known, catalogue, queries)]
    report(
        "recommender_games",
        {
            "games": len(catalogue),
            "users": len(dataset.user_ids),
            "events": len(dataset.events),
            "test users": len(queries),
            TEXT: {name: round(summarise(after)[name], 4) for name in FIGURES},
            **{one.name: _beside(one, after) for one in others},
            **whole,
        },
    )


def _events(source: Path, target: Path, users: int) -> Path:
    """The sequences as a table of interactions."""
    with source.open(encoding="utf-8") as read, target.open("w", encoding="utf-8") as written:
        written.write("user_id,item_id,timestamp\n")
        for row, _ in zip(csv.DictReader(read), range(users), strict=False):
            for left, item in enumerate(reversed(row["item_ids"].split())):
                written.write(f"{row['user_id']},{item},{END - left * HOUR}\n")
    return target


def _beside_peers(
    python: Path | None, dataset: Dataset, timeline: Timeline, settings: Settings, work: Path
) -> dict[str, Any]:
    """All stages of the recommender, diversity on, and libraries."""
    if python is None:
        return {}
    registry = Registry(work, "recommender")
    is_new, began = not registry.root.exists(), monotonic()
    trained = train(dataset, timeline, settings, registry, resume=True, promote=False)
    assert trained is not None
    minutes = (monotonic() - began) / 60 if is_new else None
    model, others = trained.comparison.model, trained.comparison.others
    simple = [one for one in others if one.name in {"item-kNN", "EASE"}]
    return {
        "recommender": {name: round(summarise(model)[name], 4) for name in FIGURES},
        **{f"recommender against {one.name}": _beside(one, model) for one in simple},
        "minutes of training, all stages": minutes,
        **peers_beside(python, timeline, model, minutes),
    }


def _beside(other: Evaluation, after: Evaluation) -> dict[str, Any]:
    """Its figures, and what `after` gains over it, with the 95 % interval."""
    lines: dict[str, Any] = {name: round(summarise(other)[name], 4) for name in FIGURES}
    for name in FIGURES:
        found = paired_bootstrap(other.metrics[name], after.metrics[name])
        gain = [round(value, 4) for value in (found.gain, found.low, found.high)]
        lines[f"{name}, gain over it, from, to"] = gain
    return lines


if __name__ == "__main__":
    main()
