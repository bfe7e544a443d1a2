"""What raised the scores of the first places, for the reasons that are given."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from apps.recommender.interactions.events import Int32
from apps.recommender.pipeline.simple import SimpleMethod
from apps.recommender.ranking.features import FeatureBuilder
from apps.recommender.ranking.ranker import Ranker
from apps.recommender.ranking.signals import is_true

# Shapley values cost more than all else: further down a list the history alone explains.
PLACES_EXPLAINED = 10

Float32 = NDArray[np.float32]


def contributions(
    ranker: Ranker,
    features: Float32,
    order: Int32,
    builder: FeatureBuilder,
    simple: SimpleMethod | None = None,
) -> Float32:
    """[rows, k, features], what each adds to the score; 0 behind the first places.

    Given only where the feature's sentence is true, which depends on all candidates.

    Args:
        features: [rows, candidates, features].
        order: [rows, k], the places of candidates in the list.
        simple: what the score is blended with, if anything.
    """
    first = np.maximum(order[:, :PLACES_EXPLAINED], 0)[:, :, None]
    chosen = np.take_along_axis(features, first, 1)
    true = np.take_along_axis(is_true(features, builder.features), first, 1)
    found = ranker.contributions(chosen)
    if simple is not None:
        found = simple.with_reason(found, chosen, builder.names)
    added = np.zeros((*order.shape, features.shape[2]), np.float32)
    added[:, : first.shape[1]] = np.where(true, found, 0)
    return added
