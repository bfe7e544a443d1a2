"""The trained recommender beside simpler methods, on a stretch of time that none has seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from apps.recommender.baselines.counting import Baseline
from apps.recommender.baselines.tuning import affordable, families
from apps.recommender.comparison.impressions import areas_by_method
from apps.recommender.data import Dataset
from apps.recommender.evaluate import (
    PLACES,
    Evaluation,
    evaluate_baselines,
    evaluate_lists,
    rank_queries,
    summarise,
)
from apps.recommender.interactions.events import Histories, Impressions, Int32
from apps.recommender.interactions.queries import Queries
from apps.recommender.interactions.timeline import Window
from apps.recommender.pipeline.pipeline import Pipeline
from apps.recommender.pipeline.windows import prepare_window, window_blocks, window_worth
from apps.recommender.release import Model, item_vectors_of
from apps.recommender.retrieval.towers import TowerModel
from apps.recommender.task import interests

FULL, RELEVANCE, WITHOUT_MARGINS, TEXT, BEFORE = (
    "recommender",
    "without diversity",
    "without margins",
    "text alone, fine-tuned",
    "text alone, before",
)

Bins = dict[str, list[dict[str, float]]]


@dataclass(frozen=True)
class Comparison:
    """Figures of the recommender, of its parts, and of baselines, on the same queries.

    `bins` hold stated beside observed probabilities, by behaviour; `shown` areas under the curve of
    what was logged as shown.
    """

    model: Evaluation
    others: list[Evaluation]
    queries: Queries
    bins: Bins
    shown: dict[str, dict[str, float]]

    @property
    def metrics(self) -> dict[str, dict[str, float]]:
        """Means by method."""
        return {one.name: summarise(one) for one in (self.model, *self.others)}

    def method(self, name: str) -> Evaluation | None:
        """The one of this name, if it was measured."""
        return next((one for one in self.others if one.name == name), None)

    @property
    def before(self) -> Evaluation:
        """The text score before fine-tuning."""
        return next(one for one in self.others if one.name == BEFORE)


@dataclass(frozen=True)
class TextScorer:
    """Scores of all items by the towers alone."""

    towers: TowerModel
    items: NDArray[np.float32]

    def __call__(self, past: Histories) -> NDArray[np.float32]:
        """[rows, items]."""
        found = interests(self.towers, self.items, past).numpy()
        scores = found @ self.items.T
        best: NDArray[np.float32] = scores.max(1)
        return best


def compare_methods(
    pipeline: Pipeline,
    window: Window,
    baselines: Sequence[Baseline],
    *,
    untrained: TextScorer | None = None,
    impressions: Impressions | None = None,
) -> Comparison:
    """Rank all items for every query of `window`.

    Args:
        pipeline: as it stood when the window began.
        untrained: the text score before training.
    """
    queries, known, prepared = window.queries, window.known, pipeline.prepared
    items = prepared.items
    asked = ask(pipeline, window)
    scorers = {TEXT: TextScorer(pipeline.towers, items), BEFORE: untrained}
    others = [
        *(
            evaluate_lists(WITHOUT_MARGINS, lists, queries, vectors=items)
            for lists in asked.without_margins
        ),
        evaluate_lists(RELEVANCE, asked.plain, queries, vectors=items),
        *(
            evaluate_lists(name, rank_queries(scorer, known, queries), queries, vectors=items)
            for name, scorer in scorers.items()
            if scorer is not None
        ),
        *evaluate_baselines(baselines, known, prepared.catalogue, queries, vectors=items),
    ]
    model = evaluate_lists(FULL, asked.lists, queries, vectors=items)
    shown = areas_by_method(pipeline, impressions, int(queries.training_before.min()))
    return Comparison(model, others, queries, asked.bins, shown)


def compare_release(
    model: Model, dataset: Dataset, window: Window, caches: Path, *, device: str = "auto"
) -> Comparison:
    """A release beside the baselines at their usual settings.

    Args:
        caches: directory of vector caches, one an encoder.
    """
    pipeline = serving_pipeline(model, dataset, window, caches, device=device)
    found = families(pipeline.prepared.items)
    usual = [family[0] for family in affordable(found, len(dataset.catalogue))]
    return compare_methods(pipeline, window, usual, impressions=dataset.impressions)


def serving_pipeline(
    model: Model, dataset: Dataset, window: Window, caches: Path, *, device: str = "auto"
) -> Pipeline:
    """A release as it stood when a window began; arguments as of `compare_release`."""
    items = item_vectors_of(model, dataset.catalogue, caches, device=device)
    return model.pipeline(prepare_window(dataset, items, window), counted=window.past)


def serving_lists(
    model: Model, dataset: Dataset, window: Window, caches: Path, *, device: str = "auto"
) -> Int32:
    """[queries, PLACES], the lists of a release as the window begins."""
    return ask(serving_pipeline(model, dataset, window, caches, device=device), window).lists


@dataclass(frozen=True)
class Asked:
    """Lists as they are shown, and `plain` ones by score alone: [queries, PLACES] item numbers.

    `without_margins` is what would be shown if they did not count; empty where they do not.
    """

    lists: Int32
    plain: Int32
    without_margins: Sequence[Int32]
    bins: Bins


def ask(pipeline: Pipeline, window: Window) -> Asked:
    """Rank for every query of a window."""
    lists: list[Int32] = []
    plain: list[Int32] = []
    unpriced: list[Int32] = []
    ways: list[tuple[float | None, float | None, list[Int32]]] = [(None, None, lists)]
    ways.append((0.0, 0.0, plain))
    if pipeline.choices.margin_weight:
        ways.append((None, 0.0, unpriced))
    scores, worth = [], []
    for block in window_blocks(pipeline, window, "Ranking"):
        spoken = [None] * len(block.users)
        scored = pipeline.scores(block)
        for diversity, margins, into in ways:
            ranked = pipeline.rank_block(
                block, PLACES, spoken, diversity, False, scored, margin_weight=margins
            )
            into.append(ranked.item)
        found = ~block.candidates.is_empty
        scores.append(scored[found])
        worth.append(window_worth(block, window)[found])
    assert pipeline.probabilities is not None
    bins = pipeline.probabilities.bins(np.concatenate(scores), np.concatenate(worth))
    without_margins = [np.concatenate(unpriced)] if unpriced else []
    return Asked(np.concatenate(lists), np.concatenate(plain), without_margins, bins)
