"""What is fitted after the towers, each on a later stretch of time than the one before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.recommender.catalogue.items import Catalogue
from apps.recommender.data import Dataset
from apps.recommender.interactions.queries import build_queries
from apps.recommender.interactions.timeline import Timeline, Window
from apps.recommender.lists.diversity_weight import Choice, choose_weight
from apps.recommender.pipeline.pipeline import Block, Choices, Pipeline
from apps.recommender.pipeline.prepared import Prepared
from apps.recommender.ranking.probabilities import Probabilities, fit_probabilities
from apps.recommender.ranking.ranker import Ranker, gains, train_ranker
from apps.recommender.retrieval.neighbours import learn_neighbours
from apps.recommender.retrieval.towers import TowerModel
from common.console import progress, say
from common.finite import require_finite

# Lists of this length are what diversity is chosen for.
LIST = 10
# Where in a window else to ask, and after how many events those who begin in it.
LATER_MOMENTS = ((0.25, 5), (0.5, 20), (0.75, 40))
# With fewer lists that hold something right, trees would learn them by heart.
FEWEST_LISTS = 30


@dataclass(frozen=True)
class SecondStage:
    """What makes ranked lists of the towers' scores.

    `choices` holds the strength of diversity that was chosen; `diversity` is all that was tried.
    """

    choices: Choices
    ranker: Ranker | None
    probabilities: Probabilities
    diversity: Choice
    features: list[str]


def fit_second_stage(
    towers: TowerModel,
    dataset: Dataset,
    items: NDArray[np.float32],
    timeline: Timeline,
    choices: Choices,
    *,
    max_ndcg_loss: float = 0.01,
    seed: int = 0,
) -> SecondStage:
    """Fit the ranker on its window; probabilities and diversity on the one that follows.

    Args:
        items: [items, width], as the trained towers see them.
    """
    require_finite("the towers", hint="Lower the learning rate.", item_vectors=items)
    pipeline = window_pipeline(towers, dataset, items, timeline.ranker, choices)
    windows = moments(timeline.ranker, dataset.catalogue)
    pairs = [
        (block.features, window_worth(block, window))
        for window in windows
        for block in window_blocks(pipeline, window, "Candidates to learn from")
    ]
    features = _stack([features for features, _ in pairs], np.nan)
    worth = _stack([worth for _, worth in pairs], 0)
    lists = int(worth.any(1).sum())
    ranker = None
    if lists >= FEWEST_LISTS:
        say(f"Learning to rank from {lists} lists")
        ranker = train_ranker(features, worth, pipeline.builder.names, seed=seed)
    else:
        say(f"Only {lists} lists hold something right: ranked by the text score alone")

    pipeline = window_pipeline(towers, dataset, items, timeline.calibration, choices, ranker=ranker)
    blocks = list(window_blocks(pipeline, timeline.calibration, "Candidates to calibrate on"))
    item = _stack([block.candidates.item for block in blocks], -1)
    scores = _stack([pipeline.scores(block) for block in blocks], -np.inf)
    worth = _stack([window_worth(block, timeline.calibration) for block in blocks], 0)
    found = item >= 0
    probabilities = fit_probabilities(scores[found], worth[found])
    tried = choose_weight(
        item,
        np.where(found, scores, 0),
        items,
        worth > 0,
        np.array([len(relevant) for relevant in timeline.calibration.queries.relevant]),
        LIST,
        method=choices.method,
        caps=choices.rules.caps(dataset.catalogue),
        max_ndcg_loss=max_ndcg_loss,
    )
    chosen = replace(choices, diversity_weight=tried.weight)
    return SecondStage(chosen, ranker, probabilities, tried, pipeline.builder.names)


def moments(window: Window, catalogue: Catalogue) -> list[Window]:
    """The window itself, and the same stretch asked about at later moments too.

    One list a user is little to learn from. Later moments find the user with a longer history;
    who begins in the window is asked after fewer and after more events.
    """
    begins = window.queries.training_before
    inside = np.sort(window.known.since(begins).time)
    found = [window]
    for share, fold_in in LATER_MOMENTS:
        moment = np.maximum(begins, inside[int(share * len(inside))])
        queries = build_queries(window.known, catalogue, moment, fold_in=fold_in)
        found.append(replace(window, queries=queries))
    return found


def window_pipeline(
    towers: TowerModel,
    dataset: Dataset,
    items: NDArray[np.float32],
    window: Window,
    choices: Choices,
    *,
    ranker: Ranker | None = None,
    probabilities: Probabilities | None = None,
) -> Pipeline:
    """The pipeline as it stood when a window began: counts and neighbours are of its past."""
    return Pipeline(
        towers,
        prepare_window(dataset, items, window),
        choices,
        counted=window.past,
        ranker=ranker,
        probabilities=probabilities,
    )


def prepare_window(dataset: Dataset, items: NDArray[np.float32], window: Window) -> Prepared:
    """What was known when a window began, and the events of its users up to each query."""
    return Prepared(
        catalogue=dataset.catalogue,
        items=items,
        user_ids=dataset.user_ids,
        languages=dataset.languages,
        events=window.known,
        features=dataset.features,
        allowed=dataset.allowed,
        neighbours=learn_neighbours(window.past, dataset.catalogue),
        as_of=int(window.past.time.max()) + 1,
    )


def window_blocks(pipeline: Pipeline, window: Window, what: str) -> Iterator[Block]:
    """Candidates and features of all queries of a window."""
    queries = window.queries
    with progress(what, len(queries)) as advance:
        for start in range(0, len(queries), pipeline.block_size):
            part = slice(start, start + pipeline.block_size)
            block = pipeline.look_up(queries.users[part], queries.as_of[part])
            yield block
            advance(len(block.users))


def window_worth(block: Block, window: Window) -> NDArray[np.int8]:
    """[rows, places], what each candidate turned out to be worth."""
    return gains(window.known, block.users, block.past.as_of, block.candidates)


def _stack(parts: list[NDArray[Any]], filling: float) -> NDArray[Any]:
    """Blocks of different width one below the other."""
    widest = max(part.shape[1] for part in parts)
    widened = [
        np.pad(
            part,
            [(0, 0), (0, widest - part.shape[1])] + [(0, 0)] * (part.ndim - 2),
            constant_values=filling,
        )
        for part in parts
    ]
    return np.concatenate(widened)
