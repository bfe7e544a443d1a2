"""Which items speak for which: sparse weights learned from who met what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from apps.recommender.catalogue.items import Catalogue
from apps.recommender.interactions.events import Events, Histories
from apps.recommender.interactions.popularity import DAY
from apps.recommender.retrieval.collaborative import Ease, ItemKnn, known_by, multi_hot, user_items
from apps.recommender.retrieval.top_k import Float32, best_of_rows

NEAREST = 200
MOST_ITEMS_FOR_EASE = 10_000
ROWS, CELLS = 512, 2**24
USER_HALF_LIFE = 365 * DAY
FILE = "neighbours.npz"


@dataclass(frozen=True)
class Neighbours:
    """Item-to-item weights.

    Attributes:
        weights: CSR [items, items]; row i holds how strongly item i speaks for others, above 0.
        half_life: an event of the history counts half as much as one this many places later.
        company: CSR [items, items]; row i holds how often others were met by who met item i.
            Popular items are in it, which `weights` take out: the two complement each other.
    """

    weights: Any
    half_life: float = np.inf
    company: Any = None

    def scores(self, histories: Histories) -> Float32:
        """[rows, items], what the items of each history say together, for some hundred rows."""
        found: Float32 = (self._weighted(histories) @ self.weights).toarray()
        return found

    def company_scores(self, histories: Histories) -> Float32:
        """[rows, items], how often each was met together with items of a history."""
        if self.company is None:
            return np.zeros((len(histories), self.weights.shape[0]), np.float32)
        found: Float32 = (multi_hot(histories, self.company.shape[0]) @ self.company).toarray()
        return found

    def save(self, directory: Path) -> None:
        """Write `neighbours.npz` into `directory`."""
        parts = {"": self.weights}
        if self.company is not None:
            parts["company_"] = self.company
        arrays = {
            name + part: values
            for name, matrix in parts.items()
            for part, values in (
                ("values", matrix.data),
                ("items", matrix.indices.astype(np.int32)),
                ("offsets", matrix.indptr.astype(np.int64)),
            )
        }
        np.savez(directory / FILE, half_life=np.float64(self.half_life), **arrays)

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

        def matrix(name: str) -> Any:
            parts = [stored[f"{name}{part}"] for part in ("values", "items", "offsets")]
            return sparse.csr_matrix(tuple(parts), (items, items))

        company = matrix("company_") if "company_values" in stored else None
        return Neighbours(matrix(""), float(stored["half_life"]), company)


def learn_neighbours(
    events: Events, catalogue: Catalogue, *, half_life: float = 20.0, nearest: int = NEAREST
) -> Neighbours:
    """The `nearest` items that each item speaks for, from all of `events`.

    Weights are EASE's (Steck 2019, arXiv 1905.03375) while at most 10,000 items have events, and
    shrunk cosines above, where the closed form costs too much.
    """
    items = len(catalogue)
    company = _company(events, items, nearest)
    if np.count_nonzero(known_by(events, items)) > MOST_ITEMS_FOR_EASE:
        knn = ItemKnn(neighbours=nearest)
        knn.fit(events, catalogue)
        return Neighbours(knn.weights, half_life, company)
    ease = Ease(most_items=MOST_ITEMS_FOR_EASE)
    ease.fit(events, catalogue)
    kept = ease.kept
    blocks = [best_of_rows(rows, min(nearest, len(kept))) for rows in _ease_rows(ease)]
    if not blocks:
        return Neighbours(sparse.csr_matrix((items, items), dtype=np.float32), half_life, company)
    item = np.concatenate([item for item, _ in blocks])
    weight = np.concatenate([weight for _, weight in blocks])
    row, place = np.nonzero(weight > 0)
    weights = sparse.csr_matrix(
        (weight[row, place], (kept[row], kept[item[row, place]])), (items, items)
    )
    return Neighbours(weights, half_life, company)


def _company(events: Events, items: int, nearest: int) -> Any:
    """CSR [items, items], the `nearest` that were met together with each item most often.

    A user counts half as much for every `USER_HALF_LIFE` since they were last seen, and less the
    more they met. A row counts by its item's rarity: what everybody met says little about anybody.
    """
    if not len(events):
        return sparse.csr_matrix((items, items), dtype=np.float32)
    met = user_items(events, items)
    active = np.flatnonzero(events.counts())
    idle = events.time.max() - events.time[events.offsets[active + 1] - 1]
    says = np.zeros(events.users, np.float32)
    says[active] = 0.5 ** (idle / USER_HALF_LIFE) / np.sqrt(np.diff(met.indptr)[active])
    often = np.bincount(met.indices, minlength=items)
    rarity = np.log1p(len(active) / (1 + often)).astype(np.float32)
    by_item = (sparse.diags_array(says) @ met).T.tocsr()
    parts = []
    rows = max(1, min(ROWS, CELLS // items))
    for start in range(0, items, rows):
        together = (by_item[start : start + rows] @ met).toarray()
        together *= rarity[start : start + rows, None]
        here = np.arange(len(together))
        together[here, start + here] = 0.0
        item, weight = best_of_rows(together, min(nearest, items))
        row, place = np.nonzero(weight > 0)
        parts.append(
            sparse.csr_matrix((weight[row, place], (row, item[row, place])), (len(together), items))
        )
    return sparse.vstack(parts, format="csr")


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
