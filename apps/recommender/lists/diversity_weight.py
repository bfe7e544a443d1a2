"""How much diversity a ranking can afford, chosen on lists whose right items are known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.recommender.lists.affordable import Choice, Floats, choose_affordable, mean_known
from apps.recommender.lists.diversity import Cap, Int32, Mask, Method, rerank
from common.evaluation.ranking import intra_list_diversity, ndcg_at_k

# Closer together where little strength already changes much.
STRENGTHS = (0.0, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9, 1.0)


def choose_weight(
    items: Int32,
    relevance: NDArray[Any],
    vectors: NDArray[np.float32],
    hits: Mask,
    relevant: NDArray[np.integer[Any]],
    k: int,
    *,
    method: Method = "dpp",
    caps: Sequence[Cap] = (),
    max_ndcg_loss: float = 0.01,
    weights: Sequence[float] = STRENGTHS,
) -> Choice:
    """The strength with the most diverse lists that cost at most `max_ndcg_loss` of nDCG at `k`.

    The loss is counted from the order of relevance under the same caps, as `choose_affordable` has
    it.

    Args:
        items, relevance, vectors, method, caps: as for `rerank`.
        hits: [users, places], whether a place holds an item that is relevant to its user.
        relevant: [users], how many items are relevant to each; users with none are left out.
    """

    def attempt(weight: float) -> tuple[Floats, float]:
        order = rerank(items, relevance, vectors, k, weight, method, caps=caps)
        taken = np.maximum(order, 0)
        found = np.take_along_axis(hits, taken, 1) & (order >= 0)
        ranked = np.where(order < 0, -1, np.take_along_axis(items, taken, 1))
        ndcg = ndcg_at_k(found, relevant, k)
        return ndcg, mean_known(intra_list_diversity(ranked, vectors))

    return choose_affordable(attempt, weights, max_ndcg_loss)
