"""A stretch of time as the stages see it: what was known, who is asked about, what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.recommender.catalogue.items import Catalogue
from apps.recommender.data import Dataset
from apps.recommender.interactions.queries import Queries, build_queries
from apps.recommender.interactions.timeline import Window
from apps.recommender.pipeline.block import Block
from apps.recommender.pipeline.choices import Choices
from apps.recommender.pipeline.cold import there
from apps.recommender.pipeline.pipeline import Pipeline
from apps.recommender.pipeline.prepared import Prepared
from apps.recommender.ranking.probabilities import Probabilities
from apps.recommender.ranking.ranker import Ranker, gains
from apps.recommender.retrieval.neighbours import learn_neighbours
from apps.recommender.retrieval.towers import TowerModel
from common.console import progress

# Where in a window else to ask, and after how many events those who begin in it.
LATER_MOMENTS = ((0.25, 5), (0.5, 20), (0.75, 40))


def moments(window: Window, catalogue: Catalogue) -> list[Window]:
    """The window itself, and the same stretch asked about at later moments too.

    One list a user is little to learn from. Later moments find the user with a longer history;
    who begins in the window is asked after fewer and after more events. Who would be asked again as
    of the same moment, as where each user has one event in the window, is not: one and the same
    list would be learned from several times, and held out from itself.
    """
    begins = window.queries.training_before
    inside = np.sort(window.known.since(begins).time)
    found = [window]
    asked = set(_asked(window.queries))
    for share, fold_in in LATER_MOMENTS:
        moment = np.maximum(begins, inside[int(share * len(inside))])
        queries = build_queries(window.known, catalogue, moment, fold_in=fold_in)
        fresh = np.array([one not in asked for one in _asked(queries)], np.bool_)
        if fresh.any():
            found.append(replace(window, queries=queries.where(fresh)))
        asked.update(_asked(queries))
    return found


def _asked(queries: Queries) -> list[tuple[int, int]]:
    """Who is asked about, and as of when."""
    return list(zip(queries.users.tolist(), queries.as_of.tolist(), strict=True))


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
        allowed=replace(
            dataset.allowed,
            everybody=dataset.allowed.everybody & there(dataset.catalogue, window.known),
        ),
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


def window_worth(block: Block, window: Window, *, liked: bool = False) -> NDArray[np.int8]:
    """[rows, places], what each candidate turned out to be worth; nothing if not `liked`."""
    events = window.known.where(window.known.weight > 0) if liked else window.known
    return gains(events, block.users, block.past.as_of, block.candidates)


def stacked(parts: list[NDArray[Any]], filling: float) -> NDArray[Any]:
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
