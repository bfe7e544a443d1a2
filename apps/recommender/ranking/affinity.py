"""How a user's history bears on each candidate: likeness of text, kind, language and price.

Shapes: histories are [rows, length], candidates [rows, places]; a place without an item is -1.
Where nothing can be said, the value is NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.recommender.catalogue.facts import ItemFacts
from apps.recommender.interactions.counting import PURCHASE
from apps.recommender.interactions.events import Histories

Float32 = NDArray[np.float32]
Int32 = NDArray[np.int32]

# The last events whose texts are compared with each candidate.
COMPARED = 20
ROWS_AT_ONCE = 32
# How many events later an event counts half in a profile.
HALF_LIFE = 10.0
# By what was done, in the order of BEHAVIORS, how much a likeness to it says.
LIKENESS_WEIGHTS = np.array([0.6, 0.8, 0.9, 0.9, 1.0], np.float32)


@dataclass(frozen=True)
class Likeness:
    """Cosines [rows, places] of a candidate and items of the history.

    Attributes:
        last: with the latest; last_3, last_10: mean over the latest.
        best: the largest, each weighted by what was done.
        bought: the largest with what was bought.
    """

    last: Float32
    last_3: Float32
    last_10: Float32
    best: Float32
    bought: Float32


def likeness(histories: Histories, item: Int32, vectors: NDArray[Any]) -> Likeness:
    """Compare texts; `vectors` [items, width] are of length 1, possibly a memory map."""
    history, behavior = histories.item[:, -COMPARED:], histories.behavior[:, -COMPARED:]
    empty = (history < 0)[:, None, :]
    cosine = np.empty((*item.shape, history.shape[1]), np.float32)
    for start in range(0, len(item), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        one = np.take(vectors, np.maximum(item[part], 0), axis=0)
        other = np.take(vectors, np.maximum(history[part], 0), axis=0)
        np.matmul(one, other.transpose(0, 2, 1), out=cosine[part])
    np.copyto(cosine, 0, where=empty)
    known = (~empty).astype(np.float32)
    weighted = np.where(empty, -np.inf, cosine * LIKENESS_WEIGHTS[behavior][:, None, :])
    bought = np.where((behavior == PURCHASE)[:, None, :] & ~empty, cosine, -np.inf)
    return Likeness(
        last=np.where(empty[:, :, -1], np.nan, cosine[:, :, -1]),
        last_3=_ratio(cosine[:, :, -3:].sum(2), known[:, :, -3:].sum(2)),
        last_10=_ratio(cosine[:, :, -10:].sum(2), known[:, :, -10:].sum(2)),
        best=_finite(weighted.max(2)),
        bought=_finite(bought.max(2)),
    )


def recency(histories: Histories) -> Float32:
    """[rows, length], how much each event counts in a profile; 0 where there is none."""
    back = np.arange(histories.item.shape[1])[::-1]
    return np.where(histories.item >= 0, 0.5 ** (back / HALF_LIFE), 0).astype(np.float32)


def share_of_kind(kind: Int32, kinds: int, histories: Histories, item: Int32) -> Float32:
    """Which share of the history is of a candidate's kind.

    Args:
        kind: [items] numbers, -1 where an item has none.
        kinds: how many there are.
    """
    of_history = _at(kind, histories.item)
    profile = _profile(of_history, recency(histories), kinds)
    total = profile[:, :kinds].sum(1, keepdims=True)
    of_candidate = _at(kind, item)
    share = _ratio(np.take_along_axis(profile, of_candidate, 1), total)
    return np.where(of_candidate < 0, np.nan, share)


def overlap_of_tags(facts: ItemFacts, histories: Histories, item: Int32) -> Float32:
    """Which share of the history bears a candidate's tag, in the mean over its tags."""
    weight = recency(histories)
    of_history = _at(facts.tags, histories.item)
    rows, _, tags = of_history.shape
    profile = _profile(
        of_history.reshape(rows, -1), np.repeat(weight, tags, axis=1), facts.kinds_of_tags
    )
    profile[:, -1] = 0
    of_candidate = _at(facts.tags, item)
    said = np.take_along_axis(profile, of_candidate.reshape(rows, -1), 1)
    count = (of_candidate >= 0).sum(2) * weight.sum(1, keepdims=True)
    return _ratio(said.reshape(of_candidate.shape).sum(2), count)


def price_beyond(
    facts: ItemFacts, histories: Histories, item: Int32, *, bought: bool = False
) -> Float32:
    """Log of a candidate's price over the mean of the history, or of what was bought."""
    price = _at(facts.log_price, histories.item, np.nan)
    weight = np.where(np.isnan(price), 0, recency(histories))
    if bought:
        weight = np.where(histories.behavior == PURCHASE, weight, 0)
    mean = _ratio((np.nan_to_num(price) * weight).sum(1), weight.sum(1))
    return _at(facts.log_price, item, np.nan) - mean[:, None]


def times_met(histories: Histories, item: Int32) -> Float32:
    """How often the history holds a candidate."""
    met = np.zeros(item.shape, np.float32)
    for place in range(histories.item.shape[1]):
        met += item == histories.item[:, place, None]
    return np.where(item < 0, np.nan, met)


def _at(values: NDArray[Any], item: Int32, missing: float = -1) -> NDArray[Any]:
    """Values of items, `missing` where there is no item."""
    found = np.take(values, np.maximum(item, 0), axis=0)
    found[item < 0] = missing
    return found


def _profile(kind: Int32, weight: Float32, kinds: int) -> Float32:
    """[rows, kinds + 1], weights summed by kind; the last column takes what has none."""
    place = np.where(kind < 0, kinds, kind) + np.arange(len(kind))[:, None] * (kinds + 1)
    summed = np.bincount(place.ravel(), weight.ravel(), len(kind) * (kinds + 1))
    return summed.reshape(len(kind), kinds + 1).astype(np.float32)


def _ratio(numerator: NDArray[Any], denominator: NDArray[Any]) -> Float32:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(denominator > 0, numerator / denominator, np.nan)
    return ratio.astype(np.float32)


def _finite(values: Float32) -> Float32:
    return np.where(np.isneginf(values), np.nan, values)
