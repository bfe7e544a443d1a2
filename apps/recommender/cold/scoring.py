"""What speaks for an item that nobody has met: its text, its age, and how such items sell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from apps.recommender.cold.foretelling import foretell, known_sample
from apps.recommender.interactions.events import Histories
from apps.recommender.interactions.popularity import DAY
from apps.recommender.ranking.listwise import Linear, fit_linear
from apps.recommender.retrieval.top_k import best_of_rows
from apps.recommender.retrieval.towers import BEHAVIOR_WEIGHTS, TowerModel, first_paces
from apps.recommender.schema import BEHAVIORS
from common.evaluation.ranking import ndcg_at_k

Float32 = NDArray[np.float32]

# Of a text and the texts of a history, as the encoder reads them and as the towers do; newness;
# how popular items of such texts are.
SIGNALS = ("text_untuned", "text_score", "newness", "foretold")
ROWS_AT_ONCE = 32
# With fewer lists that hold one which was taken, the untuned text speaks alone.
FEWEST_LISTS = 30
PLACES = 10
# Of those that a user did not take, so many are compared with those that they did.
MOST_OTHERS = 500


def alone(signal: str) -> Linear:
    """The score that is one of `SIGNALS`."""
    weights = np.array([name == signal for name in SIGNALS], np.float32)
    return Linear(np.zeros_like(weights), np.ones_like(weights), weights)


def text_alone() -> Linear:
    """The score of who has learned nothing of cold items: the cosine of the untuned texts."""
    return alone("text_untuned")


@dataclass(frozen=True)
class ColdItems:
    """The items of a catalogue that nobody has met, in the order of `item`.

    What was learned from events must not cost what the text knew: the projection of the item
    tower is taken back, which leaves the encoder's own vectors less their mean.

    Attributes:
        towers, items: the trained towers, and [items, width] as they see the catalogue.
        item: [cold] item numbers.
        created: [items] seconds since 1970, NaN where not known.
        popularity: [items], the logarithm of what is counted of each; 0: nothing.
        linear: weighs `SIGNALS`.
    """

    towers: TowerModel
    items: Float32
    item: NDArray[np.int64]
    created: NDArray[np.float64]
    popularity: Float32
    linear: Linear
    _tuned: Tensor = field(init=False)
    _length: Float32 = field(init=False)
    _back: Float32 = field(init=False)
    _foretold: Float32 = field(init=False)

    def __post_init__(self) -> None:
        projection = self.towers.items.projection.weight.detach().double().cpu().numpy()
        back = np.linalg.pinv(projection).T.astype(np.float32)
        object.__setattr__(self, "_back", back)
        tuned = np.asarray(self.items[self.item])
        untuned = tuned @ back
        object.__setattr__(self, "_tuned", torch.from_numpy(tuned))
        object.__setattr__(self, "_length", _lengths(untuned)[:, 0])
        known = known_sample(self.popularity > 0)
        weights = foretell(self._read(known), self.popularity[known])
        unknown = np.full(len(self.item), np.nan, np.float32)
        foretold = unknown if weights is None else untuned / _lengths(untuned) @ weights
        object.__setattr__(self, "_foretold", foretold)

    def signals(
        self, past: Histories, interests: Float32, wanted: NDArray[np.bool_] | None = None
    ) -> Float32:
        """[users, cold, signals]; NaN where nothing is known.

        Args:
            interests: [users, interests, width] by the trained towers.
            wanted: [signals], which are looked at; the others may be left out.
        """
        wanted = np.ones(len(SIGNALS), np.bool_) if wanted is None else wanted
        found = np.full((len(past), len(self.item), len(SIGNALS)), np.nan, np.float32)
        asked = [self._untuned_interests(past) @ self._back.T] if wanted[0] else []
        asked += [interests] if wanted[1] else []
        if asked:
            best = self._best(np.stack(asked, 1))
            if wanted[0]:
                found[:, :, 0] = best[:, :, 0] / self._length
            if wanted[1]:
                found[:, :, 1] = best[:, :, -1]
        age = np.maximum(past.as_of[:, None] - self.created[self.item], 0) / DAY
        found[:, :, 2] = -np.log1p(age)
        found[:, :, 3] = self._foretold
        return found

    def scores(self, past: Histories, interests: Float32) -> Float32:
        """[users, cold], higher is better."""
        scores = np.empty((len(past), len(self.item)), np.float32)
        for start in range(0, len(past), ROWS_AT_ONCE):
            part = slice(start, start + ROWS_AT_ONCE)
            signals = self.signals(past.rows(part), interests[part], self.linear.weights != 0)
            scores[part] = self.linear.score(signals)
        return scores

    def best(self, scores: Float32, barred: NDArray[np.bool_], depth: int) -> NDArray[np.int32]:
        """[users, depth] item numbers, -1 where there are no more.

        Args:
            scores: [users, cold].
            barred: [users, items].
        """
        left = np.where(barred[:, self.item], np.float32(-np.inf), scores)
        found, _ = best_of_rows(left, depth)
        return np.where(found < 0, -1, self.item[np.maximum(found, 0)]).astype(np.int32)

    def at(self, scores: Float32, item: NDArray[np.int32]) -> Float32:
        """Scores [users, cold] of candidates [users, places], -inf where one is not cold."""
        place = np.searchsorted(self.item, item).clip(max=len(self.item) - 1)
        found = np.take_along_axis(scores, place, 1)
        return np.where(self.item[place] == item, found, np.float32(-np.inf))

    def _best(self, queries: Float32) -> Float32:
        """[users, kinds, interests, width] → [users, cold, kinds], of the nearest interest.

        The items, which are many, are gone through once for all.
        """
        users, kinds, interests, width = queries.shape
        # Several times as fast as numpy where queries are few.
        product = nn.functional.linear(self._tuned, torch.from_numpy(queries.reshape(-1, width)))
        best = product.view(-1, users, kinds, interests).amax(3)
        return np.asarray(best.permute(1, 0, 2).numpy())

    def _read(self, number: NDArray[Any]) -> Float32:
        """[…, width], texts of items as the encoder read them before."""
        return _normalised(np.asarray(self.items[number]) @ self._back)

    def _untuned_interests(self, past: Histories) -> Float32:
        """[users, interests, width]: forgetting means of the untuned texts of each history."""
        there = past.item >= 0
        read = self._read(np.maximum(past.item, 0))
        back = np.arange(past.item.shape[1])[::-1]
        pace = first_paces(self.towers.users.sizes.interests).numpy()
        worth = np.array([BEHAVIOR_WEIGHTS[name] for name in BEHAVIORS])[past.behavior] * there
        weight = np.exp(-pace[None, :, None] * back) * worth[:, None]
        return _normalised(np.matmul(weight.astype(np.float32), read))


def fit_cold(signals: list[Float32], taken: list[NDArray[np.bool_]], *, seed: int = 0) -> Linear:
    """Weights of `SIGNALS` that make what was taken likely among all cold items.

    Args:
        signals: of each list, [cold, signals].
        taken: of each list, [cold].
    """
    random = np.random.default_rng(seed)
    kept = [(one, hit) for one, hit in zip(signals, taken, strict=True) if hit.any()]
    if len(kept) < FEWEST_LISTS:
        return text_alone()
    widest = MOST_OTHERS + max(int(hit.sum()) for _, hit in kept)
    features = np.full((len(kept), widest, len(SIGNALS)), np.nan, np.float32)
    gain = np.zeros((len(kept), widest))
    for row, (one, hit) in enumerate(kept):
        others = random.permutation(np.flatnonzero(~hit))[:MOST_OTHERS]
        chosen = np.concatenate([np.flatnonzero(hit), others])
        features[row, : len(chosen)] = one[chosen]
        gain[row, : int(hit.sum())] = 1.0
    return fit_linear(features, gain, np.arange(len(SIGNALS)))


def choose_cold(
    candidates: Mapping[str, Linear], signals: list[Float32], taken: list[NDArray[np.bool_]]
) -> tuple[str, dict[str, float]]:
    """The one that orders later cold items best; the first where too few were taken.

    Args:
        signals, taken: as of `fit_cold`, of a stretch of time that none was fitted on.

    Returns:
        Its name, and the nDCG@10 of each, of lists of cold items alone.
    """
    kept = [(one, hit) for one, hit in zip(signals, taken, strict=True) if hit.any()]
    if len(kept) < FEWEST_LISTS:
        return next(iter(candidates)), {}

    def reached(linear: Linear) -> float:
        orders = [np.argsort(-linear.score(one), kind="stable")[:PLACES] for one, _ in kept]
        hits = np.zeros((len(kept), PLACES), np.bool_)
        for row, order in enumerate(orders):
            hits[row, : len(order)] = kept[row][1][order]
        count = np.array([hit.sum() for _, hit in kept])
        return float(ndcg_at_k(hits, count, PLACES).mean())

    figures = {name: reached(linear) for name, linear in candidates.items()}
    return max(figures, key=lambda name: figures[name]), figures


def _normalised(vectors: Float32) -> Float32:
    return np.asarray(vectors / _lengths(vectors), np.float32)


def _lengths(vectors: Float32) -> Float32:
    """[…, 1], 1 where a vector is nothing but zeros."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(np.where(length > 0, length, 1.0), np.float32)
