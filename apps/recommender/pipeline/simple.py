"""The simple method that takes part in a ranking, fitted on what was known by a moment."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from apps.recommender.baselines.blend import Blend, Given, blended
from apps.recommender.baselines.counting import Baseline
from apps.recommender.interactions.events import Events, Histories, Int32
from apps.recommender.pipeline.prepared import Prepared
from apps.recommender.retrieval.top_k import best_of_rows

Float32 = NDArray[np.float32]


class SimpleMethod:
    """Scores of all items for each user, and what they do to a ranking.

    Args:
        events: what it is fitted on, as far as it is earlier than `prepared.as_of`.
    """

    def __init__(self, blend: Blend, prepared: Prepared, events: Events) -> None:
        self.blend = blend
        self._method: Baseline
        if blend.is_for_everybody and prepared.simple is not None:
            self._method = Given(prepared.simple)
        else:
            self._method = blend.fit(events.before(prepared.as_of), prepared.catalogue)

    def scores(self, past: Histories) -> Float32:
        """[users, items]."""
        return self._method.scores(past)

    def best(self, scores: Float32, barred: NDArray[np.bool_], depth: int) -> dict[str, Int32]:
        """[users, depth], the items that it would show, by the source that they count for."""
        found, _ = best_of_rows(np.where(barred, np.float32(-np.inf), scores), depth)
        return {"popular" if self.blend.is_for_everybody else "neighbours": found}

    def blended(self, ranking: Float32, scores: Float32, weight: float | None = None) -> Float32:
        """Both orders as one, [users, places]; see `blend.blended`."""
        return blended(ranking, scores, self.blend.weight if weight is None else weight)

    def with_reason(self, added: Float32, features: Float32, names: Sequence[str]) -> Float32:
        """What raised scores, [users, places, features], by the share of both in the order."""
        weight, speaks = self.blend.weight, names.index(self.blend.feature)
        found = (1 - weight) * added
        found[:, :, speaks] += weight * np.nan_to_num(features[:, :, speaks])
        return np.asarray(found, np.float32)
