"""Figures for ranking, classification and the detection of what is out of scope."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from torch import Tensor


def accuracy(predicted: Tensor, target: Tensor) -> float:
    """Share of equal entries; both [records]. 0 where there are none."""
    return float((predicted == target).float().mean()) if len(target) else 0.0


def f1(predicted: Tensor, target: Tensor, *, average: str) -> float:
    """F1 of classes [records], or of labels [records, labels] of 0 and 1.

    Args:
        average: `weighted` by how often a class occurs, `macro`, or `micro`.
    """
    from sklearn.metrics import f1_score

    return float(f1_score(target.numpy(), predicted.numpy(), average=average, zero_division=0))


def ranks(scores: Tensor, target: Tensor) -> Tensor:
    """Rank of the right column, from 1; a tie counts against it, and so does NaN.

    Args:
        scores: [records, candidates], higher is better.
        target: [records], the right column of each.
    """
    right = scores.gather(1, target[:, None])
    return (~(scores < right)).sum(1)


def recall_at_k(scores: Tensor, target: Tensor, k: int) -> float:
    """Share of records whose one right candidate is among the first `k`."""
    return float((ranks(scores, target) <= k).float().mean())


def mean_reciprocal_rank(scores: Tensor, target: Tensor) -> float:
    """Mean of 1 / rank of the right candidate."""
    return float((1.0 / ranks(scores, target)).mean())


def auroc(scores: ArrayLike, positive: ArrayLike) -> float:
    """Area under the ROC curve: how often a positive scores above a negative."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(np.asarray(positive), np.asarray(scores)))


def expected_calibration_error(
    probability: NDArray[np.float64], correct: NDArray[np.bool_], bins: int = 10
) -> float:
    """Mean distance between stated probability and observed share, over equally filled bins.

    Nguyen & O'Connor 2015 (arXiv 1508.05154) on bins of equal size.
    """
    if not len(probability):
        return 0.0
    order = np.argsort(probability, kind="stable")
    parts = np.array_split(order, min(bins, len(order)))
    gaps = [abs(probability[p].mean() - correct[p].mean()) * len(p) for p in parts]
    return float(sum(gaps) / len(probability))
