"""Ranking quality on ml-latest-small: all films ranked for every user, beside simpler methods.

python -m benchmarks.recommender_movielens [--data DIR] [--before 0.8] [--seeds N] [--work DIR]
    [--peers PYTHON]

Interrupted, the same command goes on: what was read and learned is kept in `--work`.

The test begins at one moment for all, by default after eight tenths of the ratings. Everything,
the settings of the simpler methods too, is fitted and chosen on what came before. With `--seeds`
several trainings, and the mean of each user over them, stand beside two years' popularity; all else
is of the first.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.recommender.cold.scoring import text_alone
from apps.recommender.comparison.comparison import Comparison, serving_pipeline
from apps.recommender.data import Dataset, Sources, read_dataset
from apps.recommender.evaluate import SHOWN, compare, evaluate_lists, summarise
from apps.recommender.interactions.importers import import_dataset
from apps.recommender.interactions.timeline import Timeline, Window, iso, split_in_time
from apps.recommender.options_cli import DEFAULTS
from apps.recommender.pipeline.opinions import read_opinions
from apps.recommender.pipeline.pipeline import Pipeline
from apps.recommender.pipeline.windows import window_blocks
from apps.recommender.ranking.likes import fit_likes
from apps.recommender.ranking.listwise import Linear
from apps.recommender.release import load_release
from apps.recommender.reporting import comparison_table
from apps.recommender.train import Trained, train
from benchmarks.harness import parser, report, start
from benchmarks.peers.libraries import add_peers, peers_beside, require_peers
from common.console import results
from common.evaluation.compare import paired_bootstrap
from common.evaluation.ranking import area_by_group
from common.releases.registry import Registry
from common.tuning.configuration import read_settings

DRAWS = 1000
FIGURES = ("ndcg@10", "recall@50")
APART = ("cold_users/", "cold_items/")
FURTHER = ("mrr@10", "coverage", "novelty", "diversity")
OF_LATE = "popularity, 730 days"


def main() -> None:
    """Import, train, measure once on what came after, report."""
    arguments = parser("ml-latest-small: nDCG@10 and recall@50 beside simpler methods")
    arguments.add_argument("--before", type=float, default=0.8, help="share of ratings before test")
    arguments.add_argument("--seeds", type=int, default=1, help="trainings, of one seed each")
    arguments.add_argument("--cold-places", type=int, help="of the first ten, for cold films")
    arguments.add_argument("--work", type=Path, default=Path("var/recommender-movielens"))
    add_peers(arguments)
    chosen = arguments.parse_args()
    start(chosen)
    require_peers(chosen.peers)
    dataset = _imported(chosen.data / "ml_latest_small", chosen.work)
    cutoff = int(np.quantile(dataset.events.time, chosen.before))
    timeline = split_in_time(dataset.events, dataset.catalogue, cutoff=cutoff)
    registry = Registry(chosen.work, "recommender")
    is_new, began = not registry.root.exists(), monotonic()
    trained = _train(dataset, timeline, registry, chosen, chosen.seed)
    minutes = (monotonic() - began) / 60 if is_new else None
    model, caches = load_release(trained.release), registry.root / "vectors"
    windows = (timeline.ranker, timeline.calibration, timeline.test)
    pipelines = [(serving_pipeline(model, dataset, one, caches), one) for one in windows]
    tastes = tell_liked(pipelines)
    assert model.choices.cold is not None
    alone = {
        "ordered as chosen": _cold_alone(*pipelines[-1], model.choices.cold),
        "ordered by the untuned text": _cold_alone(*pipelines[-1], text_alone()),
    }
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
            "beside what is simple": manifest["simple"]["sentence"],
            "places for cold films": manifest["cold"],
            "lists of cold films alone, nDCG@10": alone,
            "ratings of 4 and more against those below": tastes,
            "minutes of tuning": manifest["seconds"] / 60,
            "minutes of training, all stages": minutes,
            **_lines(compared),
            f"trainings beside {OF_LATE}": _trainings(
                [
                    compared,
                    *(
                        _train(dataset, timeline, registry, chosen, seed).comparison
                        for seed in range(chosen.seed + 1, chosen.seed + chosen.seeds)
                    ),
                ]
            ),
            **peers_beside(chosen.peers, timeline, compared.model, minutes),
        },
    )


def _train(
    dataset: Dataset, timeline: Timeline, registry: Registry, chosen: Namespace, seed: int
) -> Trained:
    settings = read_settings(None, [], defaults=DEFAULTS | {"precision": "fp32"}, seed=seed or None)
    trained = train(
        dataset,
        timeline,
        settings,
        registry,
        cold_places=chosen.cold_places,
        resume=True,
        promote=False,
    )
    assert trained is not None
    return trained


def _trainings(compared: Sequence[Comparison]) -> dict[str, Any]:
    """Of each seed, and of each user's mean over the seeds, the gain with the 95 % interval."""
    simple = compared[0].method(OF_LATE)
    assert simple is not None
    each = [one.model.metrics[FIGURES[0]] for one in compared]
    gains = [
        paired_bootstrap(simple.metrics[FIGURES[0]], values)
        for values in (*each, np.mean(each, axis=0))
    ]
    told = [[round(value, 4) for value in (one.gain, one.low, one.high)] for one in gains]
    return {
        FIGURES[0]: [round(one.after, 4) for one in gains[:-1]],
        "gain, from, to": told[:-1],
        "gain of the mean, from, to": told[-1],
    }


def _imported(source: Path, folder: Path) -> Dataset:
    interactions, items, *_ = import_dataset("movielens", source, folder / "imported")
    return read_dataset(Sources([interactions], [items]))


def _cold_alone(pipeline: Pipeline, window: Window, cold: Linear) -> float:
    """nDCG@10 of lists in which only films that nobody has met stand, in the order of `cold`."""
    choices = replace(pipeline.choices, cold=cold)
    asked = Pipeline(pipeline.towers, pipeline.prepared, choices, counted=window.past)
    lists = []
    for block in window_blocks(asked, window, "Cold films alone"):
        assert block.cold is not None
        first = np.argsort(-block.cold, axis=1, kind="stable")[:, :SHOWN]
        item = np.where(np.isneginf(block.cold), -1, block.candidates.item)
        lists.append(np.take_along_axis(item, first, 1))
    found = evaluate_lists("", np.concatenate(lists), window.queries)
    return summarise(found)["cold_items/ndcg@10"]


def _lines(compared: Comparison) -> dict[str, Any]:
    """By method: its figures, and what the recommender gains over it, with the 95 % interval."""
    kept = [f"{apart}{name}" for apart in ("", *APART) for name in FIGURES] + list(FURTHER)
    lines: dict[str, dict[str, Any]] = {
        f"{method}": {name: round(metrics[name], 4) for name in kept if name in metrics}
        for method, metrics in compared.metrics.items()
    }
    for name in (f"{apart}{figure}" for apart in ("", *APART) for figure in FIGURES):
        for method, found in compare(compared.model, compared.others, name).items():
            gain = [round(value, 4) for value in (found.gain, found.low, found.high)]
            lines[method][f"{name}, gain over it, from, to"] = gain
    return lines


def tell_liked(windows: Sequence[tuple[Pipeline, Window]]) -> dict[str, Any]:
    """How often a film rated 4 or more scores above one rated less, by what is scored by.

    A rating's weight is its share of the mean rating, 3.5: at 1 and above it is 4 or more.

    Args:
        windows: the last one is measured on; the logistic blend is fitted on those before.
    """
    pairs, ranked, likes = [], [], []
    for pipeline, window in windows:
        names = pipeline.builder.names
        found = read_opinions(pipeline, window)
        parts = [one.signals(names) for one in found]
        pairs.append([np.concatenate(part) for part in zip(*parts, strict=True)])
        said = [~np.isnan(one.weight) for one in found]
        ranked = [pipeline.scores(one.block)[of] for one, of in zip(found, said, strict=True)]
        stated = [pipeline.liked(one.block) for one in found]
        likes = [one[of] for one, of in zip(stated, said, strict=True)]
        user = [np.repeat(one.block.users, of.sum(1)) for one, of in zip(found, said, strict=True)]
    values = np.concatenate([pair[0] for pair in pairs[:-1]])
    high = np.concatenate([pair[1] for pair in pairs[:-1]]) >= 1
    # The item's mean, its popularity, the text score and the user's mean.
    four = [0, 1, 2, values.shape[1] - 1]
    blend = fit_likes(values[:, four], high)
    assert blend is not None
    tested, label = pairs[-1][0], pairs[-1][1] >= 1
    scores = {
        "item mean": tested[:, 0],
        "logistic blend of four": blend.linear.score(tested[:, four]),
        "ranking": np.concatenate(ranked),
        "p_like": np.concatenate(likes),
    }
    return _areas(scores, label, np.concatenate(user))


def _areas(
    scores: dict[str, NDArray[Any]], label: NDArray[np.bool_], user: NDArray[Any]
) -> dict[str, Any]:
    """Area under the curve over all pairs and in the mean over users, with 95 % intervals."""
    random = np.random.default_rng(0)
    users, group = np.unique(user, return_inverse=True)
    rows = [np.flatnonzero(group == n) for n in range(len(users))]
    draws = [random.integers(len(users), size=len(users)) for _ in range(DRAWS)]
    drawn = [np.concatenate([rows[n] for n in draw]) for draw in draws]
    lines: dict[str, Any] = {"pairs": len(label), "users": len(users)}
    for name, found in scores.items():
        score = np.nan_to_num(found, neginf=-1e9)
        whole = [_area(score[of], label[of]) for of in drawn]
        single = area_by_group(score, label, group)
        means = [np.nanmean(single[draw]) for draw in draws]
        lines[name] = {
            "AUC, from, to": _interval(_area(score, label), whole),
            "mean per user, from, to": _interval(float(np.nanmean(single)), means),
        }
    return lines


def _area(score: NDArray[Any], label: NDArray[np.bool_]) -> float:
    return float(area_by_group(score, label, np.zeros(len(label), np.int64))[0])


def _interval(value: float, draws: list[Any]) -> list[float]:
    low, high = np.percentile(draws, [2.5, 97.5])
    return [round(float(one), 4) for one in (value, low, high)]


if __name__ == "__main__":
    main()
