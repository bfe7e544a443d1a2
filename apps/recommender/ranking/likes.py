"""Whether a user who meets an item will like it, learned from what was rated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.recommender.interactions.events import Events, Histories, Int32, Int64
from apps.recommender.ranking.listwise import Linear, linear_of

Float32 = NDArray[np.float32]

# Features of the second stage that bear on it, and the user's own mean.
SIGNALS = ("liking", "events_all", "text_score", "neighbour_share", "similar_last_10", "age")
# So many events of the usual weight are added to a user's own.
SHRINKAGE = 5.0
# Of each kind: with fewer, no probability is stated.
FEWEST = 50


@dataclass(frozen=True)
class Likes:
    """A logistic regression; `linear` weighs `SIGNALS` and, last, the user's mean."""

    linear: Linear
    intercept: float

    def __call__(self, features: Float32, names: Sequence[str], past: Histories) -> Float32:
        """[rows, places], the probability that each candidate is liked.

        Args:
            features: [rows, places, features], see `FeatureBuilder`, in the order of `names`.
            past: [rows] histories.
        """
        score = self.linear.score(signals(features, names, past)) + self.intercept
        return np.asarray(1 / (1 + np.exp(-score)), np.float32)

    @property
    def is_known(self) -> bool:
        """Whether it weighs as many signals as this version computes."""
        return len(self.linear.weights) == len(SIGNALS) + 1

    def to_json(self) -> dict[str, Any]:
        """What `likes_of` reads."""
        return {"linear": self.linear.to_json(), "intercept": self.intercept}


def likes_of(stored: Mapping[str, Any]) -> Likes:
    """What `to_json` gave."""
    return Likes(linear_of(stored["linear"]), float(stored["intercept"]))


def signals(features: Float32, names: Sequence[str], past: Histories) -> Float32:
    """[rows, places, signals]: of the item, and the user's mean weight beside the usual of 1."""
    known = past.item >= 0
    beyond = np.where(known, past.weight - 1, 0).sum(1) / (known.sum(1) + SHRINKAGE)
    of_user = np.broadcast_to(beyond[:, None, None], (*features.shape[:2], 1))
    of_item = features[:, :, [list(names).index(name) for name in SIGNALS]]
    return np.concatenate([of_item, of_user], 2).astype(np.float32)


def rated(events: Events) -> Events:
    """Those that say whether the item was liked.

    A rating becomes a weight beside the mean of 1, and 0 below the middle of its scale; a like or a
    dislike says it, too. All else weighs just 1.
    """
    return events.where(events.weight != 1)


def opinions(events: Events, users: Int64, as_of: Int64, item: Int32) -> Float32:
    """[rows, places], the weight of a user's later event with a candidate, NaN without one.

    Args:
        events: as `rated` gives them.
        users, as_of: [rows].
        item: [rows, places], -1: none.
    """
    found = np.empty(item.shape, np.float32)
    for row, (user, moment) in enumerate(zip(users, as_of, strict=True)):
        own = events.of(int(user))
        later = events.time[own] >= moment
        said = dict(zip(events.item[own][later], events.weight[own][later], strict=True))
        found[row] = [said.get(one, np.nan) for one in item[row]]
    return found


def fit_likes(values: Float32, liked: NDArray[np.bool_]) -> Likes | None:
    """Fit on pairs of users and items that were rated; None where they are too few.

    Args:
        values: [pairs, signals], NaN where not known.
        liked: [pairs].
    """
    from sklearn.linear_model import LogisticRegression

    if min(liked.sum(), (~liked).sum()) < FEWEST:
        return None
    with np.errstate(invalid="ignore"):
        known = ~np.isnan(values)
    count = np.maximum(known.sum(0), 1)
    mean = np.where(known, values, 0).sum(0) / count
    spread = np.sqrt(np.where(known, (values - mean) ** 2, 0).sum(0) / count)
    scale = np.where(spread > 0, spread, 1.0)
    scaled = np.where(known, (values - mean) / scale, 0)
    fitted = LogisticRegression(max_iter=1000).fit(scaled, liked)
    weights = np.asarray(fitted.coef_[0], np.float32)
    linear = Linear(mean.astype(np.float32), scale.astype(np.float32), weights)
    return Likes(linear, float(fitted.intercept_[0]))
