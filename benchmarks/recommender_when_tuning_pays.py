"""When it pays to fine-tune the encoder of the recommender: texts, interactions, cold items.

python -m benchmarks.recommender_when_tuning_pays [CELL …] [--users N] [--films N] [--epochs N]
    [--work DIR]

A cell is a shop (the sample shop; ml-latest-small cut to some films), its texts (all that is
written; titles alone) and how much the towers learn from (all users; a fifth of them). Each trains
twice with the same seed and epochs: on the frozen encoder, and with its top layers learning too.
Both rank by text alone, once among the items that somebody had met and once among those that
nobody had (a fifth of all, whose earlier events are left out). Beside them stand the texts before
any training, and methods that know who took what.

A cell that was measured with the same settings is kept: stopped, the same command goes on, and
`CELL` names some of them (`shop/titles/few`, or a part of it).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from torch import nn

from apps.recommender.baselines.counting import Popularity
from apps.recommender.comparison.comparison import TextScorer
from apps.recommender.data import Dataset, Sources, read_dataset
from apps.recommender.evaluate import Scorer, evaluate_lists, rank_queries
from apps.recommender.interactions.events import Events, Histories
from apps.recommender.interactions.importers import import_dataset
from apps.recommender.interactions.timeline import Timeline, Window, split_in_time
from apps.recommender.options_cli import DEFAULTS, SAMPLES
from apps.recommender.pipeline.first_stage import FirstStage, fit_towers
from apps.recommender.retrieval.collaborative import ItemKnn
from apps.recommender.retrieval.towers import TowerSizes
from apps.recommender.task import item_vectors
from benchmarks.harness import RESULTS, parser, report, start
from common.evaluation.compare import paired_bootstrap
from common.models.devices import pick_device
from common.models.encoder import load_encoder
from common.records.text import normalise
from common.tuning.configuration import read_settings
from common.tuning.settings import Settings
from common.tuning.starting import find_backbone

NAME = "recommender_when_tuning_pays"
FIGURE = "ndcg@10"
SHOPS, TEXTS, LEARNED = ("shop", "films"), ("all texts", "titles"), ("many", "few")
TEXT = ("untuned", "frozen", "tuned")
WAYS = {"frozen": "head", "tuned": "top-layers:2"}
# Of the users, so many are learned from where interactions are few.
FEW = 0.2
# Of the items, so many are new in the test: what was done with them before is left out.
NEW = 0.2
BEFORE = 0.8
FEWEST_RATINGS = 5


def main() -> None:
    """Measure the cells that are not there yet, one after the other."""
    arguments = parser("nDCG@10 by texts, untuned, frozen and fine-tuned, cell by cell")
    arguments.add_argument("cells", nargs="*", metavar="CELL", help="part of a name; default: all")
    arguments.add_argument("--users", type=int, default=700, help="at most, drawn at random")
    arguments.add_argument("--films", type=int, default=600)
    arguments.add_argument("--epochs", type=int, default=8)
    arguments.add_argument("--work", type=Path, default=Path("var/recommender-when-tuning-pays"))
    chosen = arguments.parse_args()
    start(chosen)
    sizes = {name: getattr(chosen, name) for name in ("users", "films", "epochs", "seed")}
    kept = _kept(sizes)
    for cell in product(SHOPS, TEXTS, LEARNED):
        name = "/".join(cell).replace(" ", "-")
        is_wanted = not chosen.cells or any(part in name for part in chosen.cells)
        if is_wanted and name not in kept:
            began = monotonic()
            work = chosen.work / f"{name.replace('/', '-')}-{chosen.users}-{chosen.films}"
            kept[name] = {**_measure(*cell, chosen, work), "sizes": sizes}
            kept[name]["seconds"] = round(monotonic() - began)
            report(NAME, {"cells": kept})
    _show(kept)


def _kept(sizes: Mapping[str, int]) -> dict[str, Any]:
    path = RESULTS / f"{NAME}.json"
    if not path.exists():
        return {}
    cells: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return {name: cell for name, cell in cells.items() if cell["sizes"] == sizes}


def _measure(shop: str, texts: str, learned: str, chosen: Any, work: Path) -> dict[str, Any]:
    """Both trainings of a cell, and the figures of each."""
    work.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(chosen.seed)
    if shop == "shop":
        dataset, cutoff = _sample_shop(chosen.users, random, work)
    else:
        source = chosen.data / "ml_latest_small"
        dataset, cutoff = _films(source, chosen.users, chosen.films, random, work)
    if texts == "titles":
        titles = [normalise(title) for title in dataset.catalogue.titles]
        dataset = replace(dataset, catalogue=replace(dataset.catalogue, texts=titles))
    is_new = random.random(len(dataset.catalogue)) < NEW
    kept = ~(is_new[dataset.events.item] & (dataset.events.time < cutoff))
    timeline = split_in_time(dataset.events.where(kept), dataset.catalogue, cutoff=cutoff)
    is_learned = random.random(timeline.towers.users) < (FEW if learned == "few" else 1)
    timeline = replace(timeline, towers=_of_users(timeline.towers, is_learned))
    known = _of_users(timeline.test.past, is_learned)
    stages = {
        way: _fit(dataset, timeline, strategy, chosen, work) for way, strategy in WAYS.items()
    }
    met = np.bincount(known.item, minlength=len(dataset.catalogue)) > 0
    scorers = _scorers(stages, dataset, known)
    return {
        "items": len(dataset.catalogue),
        "items that nobody had met": int((~met).sum()),
        "users": len(np.unique(dataset.events.user)),
        "users learned from": len(np.unique(timeline.towers.user)),
        "interactions learned from, an item": round(
            len(timeline.towers) / len(np.unique(timeline.towers.item)), 1
        ),
        "characters a text": round(float(np.mean([*map(len, dataset.catalogue.texts)]))),
        "minutes of training": {
            way: round(stage.tuned.seconds / 60, 2) for way, stage in stages.items()
        },
        # Who knows of events alone orders nothing among items that nobody had met.
        "met": _figures(scorers, timeline.test, met),
        "cold": _figures({name: scorers[name] for name in TEXT}, timeline.test, ~met),
    }


def _fit(
    dataset: Dataset, timeline: Timeline, strategy: str, chosen: Any, work: Path
) -> FirstStage:
    given = {"precision": "fp32", "batch_size": 64, "epochs": chosen.epochs, "strategy": strategy}
    settings: Settings = read_settings(
        None, [], defaults=DEFAULTS | given, seed=chosen.seed or None
    )
    source = find_backbone("auto", dataset.catalogue.spoken)
    loaded = load_encoder(source, dropout=settings.dropout)
    nn.Module.to(loaded.network, pick_device(settings.device))
    found = fit_towers(loaded, dataset, timeline, settings, TowerSizes(), work, resume=True)
    assert found is not None
    return found


def _scorers(
    stages: Mapping[str, FirstStage], dataset: Dataset, known: Events
) -> dict[str, Scorer]:
    first = stages["frozen"]
    untrained = item_vectors(first.untrained, first.pretrained).numpy()
    found: dict[str, Scorer] = {"untuned": TextScorer(first.untrained, untrained)}
    found |= {way: TextScorer(stage.towers, stage.items) for way, stage in stages.items()}
    for baseline in (Popularity(), ItemKnn(shrinkage=10.0)):
        baseline.fit(known, dataset.catalogue)
        found[baseline.name] = baseline.scores
    return found


def _figures(
    scorers: Mapping[str, Scorer], window: Window, allowed: NDArray[np.bool_]
) -> dict[str, Any]:
    """Lists of `allowed` [items] alone, and what the tuned encoder gains in them."""
    asked = window.queries
    queries = replace(asked, relevant=[one[allowed[one]] for one in asked.relevant])
    has_any = np.array([len(one) > 0 for one in queries.relevant])
    if not has_any.any():
        return {"users": 0}

    def among(scorer: Scorer) -> Scorer:
        def scores(past: Histories) -> NDArray[np.float32]:
            return np.where(allowed, scorer(past), np.float32(np.nan)).astype(np.float32)

        return scores

    each = {
        name: evaluate_lists(
            name, rank_queries(among(scorer), window.known, queries), queries
        ).metrics[FIGURE][has_any]
        for name, scorer in scorers.items()
    }
    tuned = each["tuned"]
    gains = {name: paired_bootstrap(one, tuned) for name, one in each.items() if name != "tuned"}
    return {
        "users": int(has_any.sum()),
        FIGURE: {name: round(float(values.mean()), 4) for name, values in each.items()},
        "tuned gains over, from, to": {
            name: [round(value, 4) for value in (one.gain, one.low, one.high)]
            for name, one in gains.items()
        },
    }


def _of_users(events: Events, is_learned: NDArray[np.bool_]) -> Events:
    return events.where(is_learned[events.user])


def _sample_shop(users: int, random: np.random.Generator, work: Path) -> tuple[Dataset, int]:
    """With the moment at which the test begins."""
    table = pl.read_csv(SAMPLES / "interactions.csv", infer_schema=False)
    dataset = _dataset(table, users, random, work, SAMPLES / "items.jsonl")
    return dataset, int(np.quantile(dataset.events.time, BEFORE))


def _films(
    source: Path, users: int, films: int, random: np.random.Generator, work: Path
) -> tuple[Dataset, int]:
    """Films that five or more have rated, some of them at random; tags from before the test."""
    cutoff = int(np.quantile(pl.read_csv(source / "ratings.csv")["timestamp"].to_numpy(), BEFORE))
    before = datetime.fromtimestamp(cutoff, UTC)
    paths = import_dataset("movielens", source, work / "imported", tags_before=before)
    table = pl.read_csv(paths[0], infer_schema=False)
    counts = table["item_id"].value_counts().filter(pl.col("count") >= FEWEST_RATINGS)
    rated = np.array(sorted(counts["item_id"].to_list()))
    drawn = random.permutation(rated)[:films].tolist()
    items = work / "items.jsonl"
    pl.read_ndjson(paths[1]).filter(pl.col("item_id").is_in(drawn)).write_ndjson(items)
    rated_of = table.filter(pl.col("item_id").is_in(drawn))
    return _dataset(rated_of, users, random, work, items), cutoff


def _dataset(
    table: pl.DataFrame, users: int, random: np.random.Generator, work: Path, items: Path
) -> Dataset:
    everybody = np.array(sorted(set(table["user_id"].to_list())))
    drawn = random.permutation(everybody)[:users].tolist()
    path = work / "interactions.csv"
    table.filter(pl.col("user_id").is_in(drawn)).write_csv(path)
    # What was shown would tell of users that are not learned from.
    return replace(read_dataset(Sources([path], [items])), impressions=None)


def _show(cells: Mapping[str, Any]) -> None:
    """The table as Markdown: who wins is said only where the interval leaves out zero."""
    names = (*TEXT, "popularity", "item-kNN")
    header = ("cell", "items", "users", *names, "tuned − frozen", "95 % interval", "tuning pays")
    print("\n| " + " | ".join(header) + " |\n|" + "---|" * len(header))
    for name, cell in cells.items():
        for where in ("met", "cold"):
            found = cell[where]
            if not found["users"]:
                continue
            gain, low, high = found["tuned gains over, from, to"]["frozen"]
            pays = "yes" if low > 0 else "it costs" if high < 0 else "not shown"
            reached = found[FIGURE]
            figures = [f"{reached[one]:.3f}" if one in reached else "–" for one in names]
            told = [f"{gain:+.3f}", f"{low:+.3f} to {high:+.3f}", pays]
            print("| " + " | ".join([name, where, str(found["users"]), *figures, *told]) + " |")


if __name__ == "__main__":
    main()
