"""What users thought of the items they met in a window, beside what was known before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from apps.recommender.interactions.events import histories
from apps.recommender.interactions.queries import build_queries
from apps.recommender.interactions.timeline import Window
from apps.recommender.pipeline.block import Block
from apps.recommender.pipeline.pipeline import Pipeline
from apps.recommender.ranking.likes import Likes, fit_likes, opinions, rated, signals

Float32 = NDArray[np.float32]


@dataclass(frozen=True)
class Opinions:
    """Some users, the items that each rated in the window, and how.

    `weight` is [users, places] of events: 0 not liked, above 1 better than usual, NaN where there
    is no item.
    """

    block: Block
    weight: Float32

    def signals(self, names: Sequence[str]) -> tuple[Float32, Float32]:
        """[pairs, signals] and [pairs], the weights."""
        said = ~np.isnan(self.weight)
        return signals(self.block.features, names, self.block.past)[said], self.weight[said]


def read_opinions(pipeline: Pipeline, window: Window) -> list[Opinions]:
    """All that were said in a window, in blocks of users.

    Everybody who rated something is asked: who only disliked what they met, too.

    Args:
        pipeline: as it stood when the window began.
    """
    said, catalogue = rated(window.known), pipeline.prepared.catalogue
    everything = replace(said, weight=np.ones_like(said.weight))
    queries = build_queries(everything, catalogue, window.queries.training_before)
    found = []
    for start in range(0, len(queries), pipeline.block_size):
        part = slice(start, start + pipeline.block_size)
        users, as_of = queries.users[part], queries.as_of[part]
        lists = []
        for user, moment in zip(users, as_of, strict=True):
            own = said.of(int(user))
            lists.append(np.unique(said.item[own][said.time[own] >= moment]))
        past = histories(window.known, users, as_of, pipeline.choices.history)
        nothing = csr_array((len(users), len(catalogue)), dtype=np.bool_)
        block = pipeline.look_up_after(users, past, nothing, lists)
        found.append(Opinions(block, opinions(said, users, as_of, block.candidates.item)))
    return found


def learn_likes(windows: Sequence[tuple[Pipeline, Window]]) -> Likes | None:
    """A model of what is liked, from the ratings of some windows; None where there are too few."""
    pairs = [
        one.signals(pipeline.builder.names)
        for pipeline, window in windows
        for one in read_opinions(pipeline, window)
    ]
    if not any(len(weights) for _, weights in pairs):
        return None
    values, weights = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    return fit_likes(values, weights > 0)
