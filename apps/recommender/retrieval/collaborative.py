"""Items scored by who met what: the matrix, item-kNN and EASE."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.recommender.catalogue.items import Catalogue
from apps.recommender.interactions.events import Events, Histories

Scores = NDArray[np.float32]


class ItemKnn:
    """Items that the same users met: shrunk cosines of the nearest items, summed over a history.

    Deshpande & Karypis 2004.
    """

    name = "item-kNN"

    def __init__(self, neighbours: int = 100, shrinkage: float = 10.0) -> None:
        self.neighbours = neighbours
        self.shrinkage = shrinkage

    def fit(self, events: Events, catalogue: Catalogue) -> None:
        """Find each item's nearest."""
        from scipy import sparse

        met = user_items(events, len(catalogue)).tocsc()
        length = np.sqrt(np.asarray(met.sum(0), np.float32).ravel())
        rows = max(1, min(1000, 2**24 // max(len(catalogue), 1)))
        parts = []
        for start in range(0, len(catalogue), rows):
            near = (met[:, start : start + rows].T @ met).toarray()
            size = length[start : start + rows, None] * length + self.shrinkage
            near /= np.maximum(size, 1.0)
            here = np.arange(len(near))
            near[here, start + here] = 0.0
            parts.append(_largest(near, self.neighbours))
        self.weights = sparse.vstack(parts, format="csr")

    def scores(self, histories: Histories) -> Scores:
        """Sums of cosines."""
        found: Scores = (multi_hot(histories, self.weights.shape[0]) @ self.weights).toarray()
        return found


def _largest(rows: NDArray[np.float32], k: int) -> Any:
    """The `k` largest above 0 of each row, as a CSR matrix."""
    from scipy import sparse

    if k < rows.shape[1]:
        bound = -np.partition(-rows, k - 1, axis=1)[:, k - 1 : k]
        rows = np.where(rows >= bound, rows, 0.0)
    return sparse.csr_matrix(rows)


class Ease:
    """The closed form of a linear autoencoder without a diagonal (Steck 2019, arXiv 1905.03375).

    The inverse is taken over users or over items, whichever are fewer: the result is the same.
    Beyond the `most_items` that most users met, items score 0, for the inverse is cubic in them.
    """

    name = "EASE"

    def __init__(self, regularisation: float = 300.0, most_items: int = 10_000) -> None:
        self.regularisation = regularisation
        self.most_items = most_items

    def fit(self, events: Events, catalogue: Catalogue) -> None:
        """Invert the Gram matrix."""
        self.items = len(catalogue)
        met = user_items(events, self.items)
        often = np.asarray(met.sum(0)).ravel()
        self.kept = np.sort(np.argsort(-often, kind="stable")[: self.most_items])
        self.kept = self.kept[often[self.kept] > 0]
        met = met[:, self.kept]
        met = met[np.diff(met.indptr) > 0]
        if met.shape[0] < met.shape[1]:
            self._over_users(met)
        else:
            self._over_items(met)

    def _over_users(self, met: Any) -> None:
        """(XᵀX + λ)⁻¹ = (1 - Xᵀ(XXᵀ + λ)⁻¹X) / λ, whose parts are never multiplied out."""
        self.met = met
        inner = self._inverse((met @ met.T).toarray())
        self.inner = np.asarray(inner @ met, np.float32)
        explained = np.asarray(met.multiply(self.inner).sum(0)).ravel()
        self.scale = (1.0 / (1.0 - explained)).astype(np.float32)

    def _over_items(self, met: Any) -> None:
        inverse = self._inverse((met.T @ met).toarray())
        weights = -inverse / np.diag(inverse)
        np.fill_diagonal(weights, 0.0)
        self.met = None
        self.weights = weights.astype(np.float32)

    def _inverse(self, gram: NDArray[Any]) -> NDArray[np.float64]:
        from scipy.linalg import cho_factor, cho_solve

        size = len(gram)
        shifted = gram.astype(np.float64) + self.regularisation * np.eye(size)
        found: NDArray[np.float64] = cho_solve(cho_factor(shifted), np.eye(size))
        return found

    def scores(self, histories: Histories) -> Scores:
        """The history, reconstructed."""
        known = multi_hot(histories, self.items)[:, self.kept]
        scores = np.zeros((len(histories), self.items), np.float32)
        if self.met is None:
            scores[:, self.kept] = known @ self.weights
        else:
            # An item's own part is taken out of the sum: the diagonal is 0.
            through = known.toarray() - (known @ self.met.T) @ self.inner
            scores[:, self.kept] = known.toarray() - through * self.scale
        return scores


def known_by(events: Events, items: int) -> NDArray[np.int64]:
    """[items], how many users have events with each."""
    return np.asarray(user_items(events, items).sum(0), np.int64).ravel()


def user_items(events: Events, items: int) -> Any:
    """CSR [users, items], 1 where a user has events with an item."""
    from scipy import sparse

    met = sparse.csr_matrix(
        (np.ones(len(events), np.float32), (events.user, events.item)), (events.users, items)
    )
    met.data[:] = 1.0
    return met


def multi_hot(histories: Histories, items: int) -> Any:
    """CSR [rows, items], 1 where a history holds an item."""
    from scipy import sparse

    row, place = np.nonzero(histories.item >= 0)
    met = sparse.csr_matrix(
        (np.ones(len(row), np.float32), (row, histories.item[row, place])), (len(histories), items)
    )
    met.sum_duplicates()
    met.data[:] = 1.0
    return met
