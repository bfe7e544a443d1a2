"""A candidate beside the release that serves, user by user."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from apps.recommender.comparison.comparison import ask
from apps.recommender.data import Dataset
from apps.recommender.evaluate import Evaluation, evaluate_lists
from apps.recommender.interactions.timeline import Window
from apps.recommender.learning.groups import GROUPING, asked_users
from apps.recommender.pipeline.pipeline import Pipeline
from common.learning.candidates import comparison as comparing
from common.learning.candidates.comparison import Comparison, Judged
from common.learning.candidates.cost import Timing, time_both

FIGURE = "ndcg@10"
LIST = 10


def compare(
    serving: Pipeline, candidate: Pipeline, window: Window, dataset: Dataset, by: Sequence[str]
) -> tuple[Comparison, Evaluation]:
    """Both on what came last, and the candidate's figures.

    Who gained and who lost is too many to name.

    Args:
        serving, candidate: as they stood when the window began.
        by: see `GROUPING`.
    """
    queries = window.queries
    before = evaluate_lists("serving", ask(serving, window).lists, queries)
    items = candidate.prepared.items
    after = evaluate_lists("candidate", ask(candidate, window).lists, queries, vectors=items)
    users = asked_users(dataset, queries)
    judged = [
        Judged(user.user_id, float(old), float(new), groups)
        for user, old, new, groups in zip(
            users,
            before.metrics[FIGURE],
            after.metrics[FIGURE],
            GROUPING.assign(users, by),
            strict=True,
        )
    ]
    found = comparing.compare(
        judged, [], new_is_held_out=False, figure=FIGURE, fixed="what came last"
    )
    return replace(found, turned_right=[], turned_wrong=[]), after


def time_rankings(serving: Pipeline, candidate: Pipeline, window: Window) -> Timing | None:
    """Both ranking for one user at a time, as a server is asked."""
    queries = window.queries
    asked = list(zip(queries.users.tolist(), queries.as_of.tolist(), strict=True))
    return time_both(partial(_rank, serving), partial(_rank, candidate), asked)


def _rank(pipeline: Pipeline, asked: Sequence[tuple[int, int]]) -> None:
    for user, as_of in asked:
        block = pipeline.look_up(np.array([user]), np.array([as_of]))
        pipeline.rank_block(block, LIST, [None])
