"""Candidates of a block of users: by text, by what goes together, and what everybody takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from apps.recommender.interactions.events import Histories
from apps.recommender.retrieval.approximate import ApproximateSearch
from apps.recommender.retrieval.candidates import SOURCES, Candidates
from apps.recommender.retrieval.exact import exact_top_k
from apps.recommender.retrieval.neighbours import Neighbours
from apps.recommender.retrieval.quantised import QuantisedSearch
from apps.recommender.retrieval.top_k import best_of_rows

Int32 = NDArray[np.int32]
Float32 = NDArray[np.float32]


@dataclass(frozen=True)
class Depths:
    """How many candidates each search gives; by neighbours, each of their two scores."""

    text: int = 200
    neighbours: int = 50
    popular: int = 80
    cold: int = 50


class CandidateSearch:
    """What all blocks of users are searched in.

    Args:
        items: [items, width] of length 1, possibly a memory map.
        neighbours: which items speak for which.
        popularity: [items], higher is more popular at the moment that is asked for.
        allowed: [items], which may be recommended to anybody.
        approximate: takes the place of exact search by text.
        quantised: finds the same as exact search, sooner for few users.
    """

    def __init__(
        self,
        items: NDArray[np.float32],
        neighbours: Neighbours,
        popularity: NDArray[np.float32],
        allowed: NDArray[np.bool_],
        depths: Depths,
        approximate: ApproximateSearch | None = None,
        quantised: QuantisedSearch | None = None,
    ) -> None:
        self.items = items
        self.neighbours = neighbours
        self.allowed = allowed
        self.depths = depths
        self.approximate = approximate
        self.quantised = quantised
        ranked = np.argsort(np.where(allowed, -popularity, np.inf), kind="stable")
        self.popular = ranked[: int(allowed.sum())].astype(np.int32)

    def find(
        self,
        interests: Float32,
        past: Histories,
        excluded: csr_array,
        given: Int32 | None = None,
        wanted: Int32 | None = None,
        further: Mapping[str, Int32] | None = None,
    ) -> Candidates:
        """Candidates, each once, those by text first.

        Args:
            interests: [users, interests, width]; zeros where nothing is known of a user.
            excluded: [users, items], stored values are what is not to be found.
            given: [users, places], lists that take the place of all searches; -1: none.
            wanted: items that are found for every user whose list is not given.
            further: by one of `SOURCES`, [users, places], what else is found; -1: nothing.
        """
        together, company = self.neighbours.scores(past), self.neighbours.company_scores(past)
        barred = excluded.toarray() | ~self.allowed
        if given is not None:
            found = [np.where(_at(barred, given), -1, given)]
        else:
            found = [
                self._by_text(interests, excluded),
                np.concatenate(
                    [self._by_neighbours(scores, barred) for scores in (together, company)], 1
                ),
                self._popular(barred),
            ]
            for name, items in (further or {}).items():
                place = SOURCES.index(name)
                found[place] = np.concatenate([found[place], items], 1)
            if wanted is not None:
                asked = np.tile(wanted, (len(barred), 1))
                found.append(np.where(_at(barred, asked), -1, asked))
        sources = [np.full(items.shape, n, np.int8) for n, items in enumerate(found)]
        item, source = _each_once(np.concatenate(found, 1), np.concatenate(sources, 1))
        return Candidates(
            item=item,
            text_score=self._text_scores(interests, item),
            neighbour_score=np.where(item < 0, np.float32(0), _at(together, item)),
            source=source,
            company_score=np.where(item < 0, np.float32(0), _at(company, item)),
        )

    def _by_text(self, interests: Float32, excluded: csr_array) -> Int32:
        depth, allowed = self.depths.text, self.allowed
        # Of who has no history, any order by text is chance.
        is_known = np.asarray(interests.any((1, 2)))
        if self.approximate is not None:
            found, _ = self.approximate.top_k(interests, depth, excluded)
            found = np.where(allowed[np.maximum(found, 0)], found, np.int32(-1))
            # Nearly all that is near is kept out of these: the few are gone through one by one.
            short = np.flatnonzero((found < 0).any(1) & is_known)
            found[short], _ = exact_top_k(
                interests[short], self.items, depth, allowed=allowed, excluded=excluded[short]
            )
        elif self.quantised is not None:
            found, _ = self.quantised.top_k(interests, depth, allowed=allowed, excluded=excluded)
        else:
            found, _ = exact_top_k(interests, self.items, depth, allowed=allowed, excluded=excluded)
        return np.where(is_known[:, None], found, np.int32(-1))

    def _by_neighbours(self, scores: Float32, barred: NDArray[np.bool_]) -> Int32:
        scores = np.where(barred | (scores <= 0), np.float32(-np.inf), scores)
        found, _ = best_of_rows(scores, self.depths.neighbours)
        return found

    def _popular(self, barred: NDArray[np.bool_]) -> Int32:
        """The most popular items that are not barred, for each user."""
        depth = self.depths.popular
        # Of most users so many of the first are enough.
        first = self.popular[: 4 * depth]
        found = _first_free(barred, first, depth)
        short = np.flatnonzero((found < 0).any(1))
        if len(short) and len(first) < len(self.popular):
            # Who knows them, or asks for other kinds alone, is shown what follows them.
            found[short] = _first_free(barred[short], self.popular, depth)
        return found

    def _text_scores(self, interests: Float32, item: Int32) -> Float32:
        scores = np.empty(item.shape, np.float32)
        for user, own in enumerate(item):
            scores[user] = (self.items[np.maximum(own, 0)] @ interests[user].T).max(1)
        return np.where(item < 0, np.float32(0), scores)


def _first_free(barred: NDArray[np.bool_], ranked: Int32, depth: int) -> Int32:
    """[users, depth], the first of `ranked` that are not `barred` [users, items]; then -1."""
    free = ~barred[:, ranked]
    place = np.cumsum(free, 1, dtype=np.int32)
    found = np.full((len(barred), depth), -1, np.int32)
    user, column = np.nonzero(free & (place <= depth))
    found[user, place[user, column] - 1] = ranked[column]
    return found


def _at(values: NDArray[Any], item: Int32) -> NDArray[Any]:
    """Values [users, items] at item numbers [users, places]."""
    return np.take_along_axis(values, np.maximum(item, 0), 1)


def _each_once(item: Int32, source: NDArray[np.int8]) -> tuple[Int32, NDArray[np.int8]]:
    """Keep the first of each item in its row; empty places move to the end."""
    order = np.argsort(item, axis=1, kind="stable")
    ordered = np.take_along_axis(item, order, 1)
    again = np.zeros(item.shape, np.bool_)
    np.put_along_axis(again, order[:, 1:], ordered[:, 1:] == ordered[:, :-1], 1)
    item = np.where(again, np.int32(-1), item)
    filled_first = np.argsort(item < 0, axis=1, kind="stable")
    widest = max(1, int((item >= 0).sum(1).max()))
    filled_first = filled_first[:, :widest]
    return (
        np.take_along_axis(item, filled_first, 1),
        np.take_along_axis(source, filled_first, 1),
    )
