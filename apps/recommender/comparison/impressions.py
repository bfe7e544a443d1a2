"""How well the recommender separates what was taken from what was shown beside it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from apps.recommender.evaluate import impression_areas
from apps.recommender.interactions.events import Impressions, histories
from apps.recommender.pipeline.pipeline import Pipeline
from common.console import progress

POPULARITY = "events_all"
# The score of what was shown and may not be recommended now: below all others.
KEPT_OUT = np.float32(-1e9)


def areas_by_method(
    pipeline: Pipeline, impressions: Impressions | None, since: int
) -> dict[str, dict[str, float]]:
    """`auc` and `user_auc` by method, over impressions at `since` (seconds) or later.

    Everything is as of the moment something was shown. Empty where nothing was logged.
    """
    if impressions is None or not (impressions.time >= since).any():
        return {}
    late = impressions.where(impressions.time >= since)
    starts = np.flatnonzero(np.diff(late.impression, prepend=-1))
    groups = np.split(np.arange(len(late)), starts[1:])
    scores = {
        name: np.empty(len(late), np.float32)
        for name in ("recommender", "text alone, fine-tuned", "popularity")
    }
    with progress("Impressions", len(groups)) as advance:
        for start in range(0, len(groups), pipeline.block_size):
            part = groups[start : start + pipeline.block_size]
            for name, found in _score(pipeline, late, part).items():
                scores[name][np.concatenate(part)] = found
            advance(len(part))
    return {name: impression_areas(found, late) for name, found in scores.items()}


def _score(
    pipeline: Pipeline, shown: Impressions, groups: list[NDArray[np.int64]]
) -> dict[str, NDArray[np.float32]]:
    """Scores of the rows of some impressions, in their order, by method."""
    prepared = pipeline.prepared
    first = np.array([rows[0] for rows in groups])
    users = shown.user[first].astype(np.int64)
    past = histories(prepared.events, users, shown.time[first], pipeline.choices.history)
    nothing = csr_array((len(users), len(prepared.catalogue)), dtype=np.bool_)
    lists = [shown.item[rows] for rows in groups]
    block = pipeline.look_up_after(users, past, nothing, lists)
    methods = {
        "recommender": pipeline.scores(block),
        "text alone, fine-tuned": block.candidates.text_score,
        "popularity": block.features[:, :, pipeline.builder.names.index(POPULARITY)],
    }
    # Candidates hold each item once, and none that may not be recommended.
    width = len(prepared.catalogue)
    keys = np.arange(len(users))[:, None] * width + block.candidates.item
    wanted = np.concatenate([row * width + items for row, items in enumerate(lists)])
    there = ~block.candidates.is_empty
    if not there.any():
        return {name: np.full(len(wanted), KEPT_OUT) for name in methods}
    order = np.argsort(keys[there])
    place = np.searchsorted(keys[there][order], wanted).clip(max=len(order) - 1)
    found = keys[there][order][place] == wanted
    return {
        name: np.where(found, values[there][order][place], KEPT_OUT)
        for name, values in methods.items()
    }
