"""How much diversity a ranking can afford, chosen on lists whose right items are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.recommender.lists.diversity import Cap, Int32, Mask, Method, rerank
from common.evaluation.ranking import intra_list_diversity, ndcg_at_k

ONE_SIDED_95 = 1.645
# Closer together where little strength already changes much.
STRENGTHS = (0.0, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9, 1.0)


@dataclass(frozen=True)
class Trial:
    """What one strength gives: means over the lists.

    `cost` is the share of nDCG lost against the order of relevance, `most` the upper end of its
    one-sided 95 % interval.
    """

    weight: float
    ndcg: float
    diversity: float
    cost: float
    most: float


@dataclass(frozen=True)
class Choice:
    """The chosen strength and all that were tried."""

    weight: float
    trials: list[Trial]


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

    The loss is a share of nDCG (0.01: from 0.300 to 0.297), counted from the order of relevance
    under the same caps, and its whole one-sided 95 % interval keeps within the limit: of few lists,
    the cheapest strength is cheap by chance. Strength 0 costs nothing, so there is always a choice.

    Args:
        items, relevance, vectors, method, caps: as for `rerank`.
        hits: [users, places], whether a place holds an item that is relevant to its user.
        relevant: [users], how many items are relevant to each; users with none are left out.
    """

    def attempt(weight: float) -> tuple[NDArray[np.float64], float]:
        order = rerank(items, relevance, vectors, k, weight, method, caps=caps)
        taken = np.maximum(order, 0)
        found = np.take_along_axis(hits, taken, 1) & (order >= 0)
        ranked = np.where(order < 0, -1, np.take_along_axis(items, taken, 1))
        ndcg = ndcg_at_k(found, relevant, k)
        return ndcg, _mean(intra_list_diversity(ranked, vectors))

    plain, _ = attempt(0.0)
    trials = []
    for weight in sorted({0.0, *weights}):
        ndcg, diversity = attempt(weight)
        lost, error = _mean(plain - ndcg), _standard_error(plain - ndcg)
        whole = max(_mean(plain), np.finfo(float).tiny)
        shares = lost / whole, (lost + ONE_SIDED_95 * error) / whole
        trials.append(Trial(weight, _mean(ndcg), diversity, *shares))
    affordable = [one for one in trials if one.most <= max_ndcg_loss]
    best = max(affordable or trials[:1], key=lambda one: (one.diversity, -one.weight))
    return Choice(best.weight, trials)


def _mean(values: NDArray[np.float64]) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else 0.0


def _standard_error(values: NDArray[np.float64]) -> float:
    known = values[~np.isnan(values)]
    return float(known.std() / np.sqrt(len(known))) if len(known) else 0.0
