"""Classes told by the training texts that are nearest, beside a head with one direction a class."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def with_nearest_texts(
    probabilities: Floats,
    vectors: Floats,
    texts: Floats,
    classes: NDArray[np.int64],
    scale: float,
) -> Floats:
    """The mean of a head's probabilities and of those that the training texts give.

    There a class weighs Σ exp(scale · cosine) over its texts (Nadaraya 1964; beside a model's own
    probabilities: Khandelwal et al. 2020, arXiv 1911.00172). A few texts a class need not lie
    around one direction.

    Args:
        probabilities: [questions, classes].
        vectors: [questions, width], of length 1.
        texts: [texts, width], of length 1.
        classes: [texts], the class of each; -1: none.
        scale: what the head's cosines are multiplied by.

    Returns:
        [questions, classes]; a class without a text keeps its probability.
    """
    members = (classes[:, None] == np.arange(probabilities.shape[1])).astype(np.float32)
    weights = np.exp(scale * (vectors @ texts.T - 1)) @ members
    has_text = members.any(0)
    share = weights / np.maximum(weights.sum(1, keepdims=True), np.finfo(np.float32).tiny)
    told = share * probabilities[:, has_text].sum(1, keepdims=True)
    return np.where(has_text, (probabilities + told) / 2, probabilities)
