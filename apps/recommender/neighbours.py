"""Which items speak for which: sparse weights learned from who met what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from apps.recommender.baselines import Ease, ItemKnn, known_by
from apps.recommender.catalogue import Catalogue
from apps.recommender.events import Events, Histories
from apps.recommender.top_k import Float32, best_of_rows

NEAREST = 200
MOST_ITEMS_FOR_EASE = 10_000
ROWS = 512
FILE = "neighbours.npz"


@dataclass(frozen=True)
class Neighbours:
    """Item-to-item weights.

    Attributes:
        weights: CSR [items, items]; row i holds how strongly item i speaks for others, above 0.
        half_life: an event of the history counts half as much as one this many places later.
    """

    weights: Any
    half_life: float = np.inf

    def scores(self, histories: Histories) -> Float32:
        """[rows, items], what the items of each history say together, for some hundred rows."""
        found: Float32 = (self._weighted(histories) @ self.weights).toarray()
        return found

    def save(self, directory: Path) -> None:
        """Write `neighbours.npz` into `directory`."""
        weights = self.weights
        np.savez(
            directory / FILE,
            values=weights.data,
            items=weights.indices.astype(np.int32),
            offsets=weights.indptr.astype(np.int64),
            half_life=np.float64(self.half_life),
        )

    def _weighted(self, histories: Histories) -> Any:
        """CSR [rows, items]: an item counts by its latest event."""
        items = self.weights.shape[0]
        length = histories.item.shape[1]
        weight = (0.5 ** (np.arange(length) / self.half_life)).astype(np.float32)
        # From the latest to the oldest: the first of a pair is its latest event.
        latest_first = histories.item[:, ::-1]
        row, place = np.nonzero(latest_first >= 0)
        pair = row * items + latest_first[row, place]
        _, first = np.unique(pair, return_index=True)
        row, place = row[first], place[first]
        return sparse.csr_matrix(
            (weight[place], (row, latest_first[row, place])), (len(histories), items)
        )


def load_neighbours(directory: Path) -> Neighbours:
    """What `Neighbours.save` wrote."""
    with np.load(directory / FILE, allow_pickle=False) as stored:
        items = len(stored["offsets"]) - 1
        weights = sparse.csr_matrix(
            (stored["values"], stored["items"], stored["offsets"]), (items, items)
        )
        return Neighbours(weights, float(stored["half_life"]))


def learn_neighbours(
    events: Events, catalogue: Catalogue, *, half_life: float = 20.0, nearest: int = NEAREST
) -> Neighbours:
    """The `nearest` items that each item speaks for, from all of `events`.

    Weights are EASE's (Steck 2019, arXiv 1905.03375) while at most 10,000 items have events, and
    shrunk cosines above, where the closed form costs too much.
    """
    if np.count_nonzero(known_by(events, len(catalogue))) > MOST_ITEMS_FOR_EASE:
        knn = ItemKnn(neighbours=nearest)
        knn.fit(events, catalogue)
        return Neighbours(knn.weights, half_life)
    ease = Ease(most_items=MOST_ITEMS_FOR_EASE)
    ease.fit(events, catalogue)
    kept = ease.kept
    nearest = min(nearest, len(kept))
    blocks = [best_of_rows(rows, nearest) for rows in _ease_rows(ease)]
    if not blocks:
        return Neighbours(sparse.csr_matrix((len(catalogue),) * 2, dtype=np.float32), half_life)
    item = np.concatenate([item for item, _ in blocks])
    weight = np.concatenate([weight for _, weight in blocks])
    row, place = np.nonzero(weight > 0)
    weights = sparse.csr_matrix(
        (weight[row, place], (kept[row], kept[item[row, place]])), (len(catalogue),) * 2
    )
    return Neighbours(weights, half_life)


def _ease_rows(ease: Ease) -> Iterator[Float32]:
    """Blocks of the weights between the kept items, which may be too many to hold at once."""
    for start in range(0, len(ease.kept), ROWS):
        block = slice(start, start + ROWS)
        if ease.met is None:
            yield np.ascontiguousarray(ease.weights[block])
            continue
        rows = np.asarray(ease.met[:, block].T @ ease.inner, np.float32) * ease.scale
        here = np.arange(len(rows))
        rows[here, start + here] = 0.0
        yield rows
