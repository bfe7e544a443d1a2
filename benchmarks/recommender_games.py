"""The recommender on games_6k, whose order is known and whose times are not.

python -m benchmarks.recommender_games [--data DIR] [--users 20000] [--epochs 12] [--work DIR]
    [--set NAME=VALUE …] [--peers PYTHON]

The last game of each user is to be found among all of them. What `train` builds of the same files,
both stages and diversity, stands beside texts alone, before and after they were tuned, and methods
that know who took what; with `--peers` beside libraries, too. The towers learn from all but the
last three games of each user, the second stage from the third from the end, and what is chosen
after it is chosen on the one before the last. The source has an order and no times: every user ends
at the same hour, with an event an hour. Interrupted, the same command goes on: what was read and
learned is kept in `--work`.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import Any

from apps.recommender.comparison.comparison import FULL, TEXT
from apps.recommender.data import Dataset, Sources, read_dataset
from apps.recommender.evaluate import Evaluation, summarise
from apps.recommender.interactions.timeline import Timeline, split_in_time
from apps.recommender.options_cli import DEFAULTS
from apps.recommender.train import train
from benchmarks.harness import add_settings, parser, report, start
from benchmarks.peers.libraries import add_peers, peers_beside, require_peers
from common.evaluation.compare import paired_bootstrap
from common.releases.registry import Registry
from common.tuning.configuration import read_settings
from common.tuning.settings import Settings

FIGURES = ("ndcg@10", "recall@50")
END, HOUR = 1_600_000_000, 3600


def main() -> None:
    """Write the events, train, measure once on the last events, report."""
    arguments = parser("games_6k: nDCG@10 and recall@50 beside simpler methods")
    arguments.add_argument("--users", type=int, default=20_000, help="the first so many")
    arguments.add_argument("--epochs", type=int, default=12, help="at most")
    arguments.add_argument("--work", type=Path, default=Path("var/recommender-games"))
    add_settings(arguments)
    add_peers(arguments)
    chosen = arguments.parse_args()
    start(chosen)
    require_peers(chosen.peers)
    given = {"precision": "fp32", "epochs": chosen.epochs}
    settings = read_settings(None, chosen.set, defaults=DEFAULTS | given, seed=chosen.seed or None)
    source = chosen.data / "games_6k"
    chosen.work.mkdir(parents=True, exist_ok=True)
    events = _events(source / "sequences.csv", chosen.work / "events.csv", chosen.users)
    dataset = read_dataset(Sources([events], [source / "items.csv"]))
    timeline = split_in_time(dataset.events, dataset.catalogue, strategy="leave-one-out")
    report(
        "recommender_games",
        {
            "games": len(dataset.catalogue),
            "users": len(dataset.user_ids),
            "events": len(dataset.events),
            "test users": len(timeline.test.queries),
            "settings": settings.model_dump(include=settings.model_fields_set, mode="json"),
            **_measured(chosen.peers, dataset, timeline, settings, chosen.work),
        },
    )


def _measured(
    python: Path | None, dataset: Dataset, timeline: Timeline, settings: Settings, work: Path
) -> dict[str, Any]:
    """All stages of the recommender, diversity on, beside all else; and libraries."""
    registry = Registry(work, "recommender")
    is_new, began = not registry.root.exists(), monotonic()
    trained = train(dataset, timeline, settings, registry, resume=True, promote=False)
    assert trained is not None
    minutes = (monotonic() - began) / 60 if is_new else None
    compared, manifest = trained.comparison, trained.release.manifest
    text = compared.method(TEXT)
    assert text is not None
    others = [one for one in compared.others if one is not text]
    return {
        "minutes of tuning": round(manifest["seconds"] / 60, 1),
        "minutes of training, all stages": minutes,
        "strength of diversity": manifest["diversity"]["strength"],
        "beside what is simple": trained.judgement.sentence,
        **_figures(text, others),
        **{
            f"recommender against {name}": line
            for name, line in _figures(compared.model, compared.others).items()
            if name != FULL
        },
        FULL: _means(compared.model),
        **peers_beside(python, timeline, compared.model, minutes),
    }


def _events(source: Path, target: Path, users: int) -> Path:
    """The sequences as a table of interactions."""
    with source.open(encoding="utf-8") as read, target.open("w", encoding="utf-8") as written:
        written.write("user_id,item_id,timestamp\n")
        for row, _ in zip(csv.DictReader(read), range(users), strict=False):
            for left, item in enumerate(reversed(row["item_ids"].split())):
                written.write(f"{row['user_id']},{item},{END - left * HOUR}\n")
    return target


def _figures(after: Evaluation, others: Sequence[Evaluation]) -> dict[str, Any]:
    """By method: its figures, and what `after` gains over it, with the 95 % interval."""
    found: dict[str, dict[str, Any]] = {after.name: _means(after)}
    for other in others:
        found[other.name] = _means(other)
        for name in FIGURES:
            gain = paired_bootstrap(other.metrics[name], after.metrics[name])
            three = [round(value, 4) for value in (gain.gain, gain.low, gain.high)]
            found[other.name][f"{name}, gain over it, from, to"] = three
    return found


def _means(one: Evaluation) -> dict[str, float]:
    return {name: round(summarise(one)[name], 4) for name in FIGURES}


if __name__ == "__main__":
    main()
