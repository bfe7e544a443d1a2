from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array, csr_matrix

from apps.recommender.interactions.events import histories, sorted_events
from apps.recommender.retrieval import approximate
from apps.recommender.retrieval.approximate import build_search
from apps.recommender.retrieval.candidates import SOURCES
from apps.recommender.retrieval.neighbours import Neighbours
from apps.recommender.retrieval.search import CandidateSearch, Depths

ITEMS, USERS = 50, 6
RANDOM = np.random.default_rng(0)
VECTORS = RANDOM.standard_normal((ITEMS, 8)).astype(np.float32)
VECTORS /= np.linalg.norm(VECTORS, axis=1, keepdims=True)
WEIGHTS = np.where(RANDOM.random((ITEMS, ITEMS)) < 0.2, RANDOM.random((ITEMS, ITEMS)), 0)
POPULARITY = RANDOM.random(ITEMS).astype(np.float32)
EVENTS = sorted_events(
    np.repeat(np.arange(USERS - 1, dtype=np.int32), 4),
    RANDOM.integers(ITEMS, size=4 * (USERS - 1)).astype(np.int32),
    np.ones(4 * (USERS - 1), np.int8),
    np.arange(4 * (USERS - 1)),
    np.ones(4 * (USERS - 1), np.float32),
    users=USERS,
)


@pytest.fixture(scope="module")
def allowed() -> np.ndarray:
    allowed = np.ones(ITEMS, np.bool_)
    allowed[::7] = False
    return allowed


@pytest.fixture(scope="module")
def found(allowed: np.ndarray):
    return _find(allowed)


def _find(allowed: np.ndarray, given: np.ndarray | None = None):
    users = np.arange(USERS)
    past = histories(EVENTS, users, np.full(USERS, 100), 5)
    known = past.item >= 0
    interests = np.zeros((USERS, 2, 8), np.float32)
    for user in range(USERS - 1):
        interests[user] = VECTORS[past.item[user][known[user]][:2]]
    pairs = np.repeat(users, known.sum(1)), past.item[known]
    excluded = csr_array((np.ones(len(pairs[0]), np.bool_), pairs), shape=(USERS, ITEMS))
    neighbours = Neighbours(csr_matrix(WEIGHTS.astype(np.float32)))
    search = CandidateSearch(VECTORS, neighbours, POPULARITY, allowed, Depths(10, 5, 5))
    return search.find(interests, past, excluded, given), past, interests


def test_no_candidate_comes_twice_or_is_barred(found, allowed: np.ndarray) -> None:
    candidates, past, _ = found
    for items, history in zip(candidates.item, past.item, strict=True):
        there = items[items >= 0]
        assert len(set(there)) == len(there)
        assert allowed[there].all()
        assert not set(there) & set(history)


def test_approximate_search_finds_as_many_as_there_are_whatever_is_kept_out(
    allowed: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(approximate, "MOST_LEFT_OUT", 3)
    # It was built before some of the items were kept out.
    index = build_search(VECTORS, np.ones(ITEMS, np.bool_))
    interests = VECTORS[:USERS, None].copy()
    barred = np.argsort(-interests[:, 0] @ VECTORS.T, axis=1)[:, :30]
    barred[0] = barred[0, 0]
    pairs = np.repeat(np.arange(USERS), 30), barred.ravel()
    excluded = csr_array((np.ones(len(pairs[0]), np.bool_), pairs), shape=(USERS, ITEMS))
    excluded.sum_duplicates()
    neighbours = Neighbours(csr_matrix(WEIGHTS.astype(np.float32)))
    exact, searched = (
        CandidateSearch(VECTORS, neighbours, POPULARITY, allowed, Depths(10, 5, 5), one)._by_text(
            interests, excluded
        )
        for one in (None, index)
    )
    assert (exact >= 0).all()
    np.testing.assert_array_equal(np.sort(searched), np.sort(exact))


def test_empty_places_stand_last(found) -> None:
    candidates, _, _ = found
    assert (np.diff(candidates.is_empty.astype(int), axis=1) >= 0).all()


def test_scores_are_those_of_the_items(found) -> None:
    candidates, _, interests = found
    for user in range(USERS):
        items = candidates.item[user]
        expected = (VECTORS @ interests[user].T).max(1)
        there = items >= 0
        assert np.allclose(candidates.text_score[user][there], expected[items[there]], atol=1e-6)


def test_the_best_by_text_are_all_there_and_said_to_be_by_text(found, allowed) -> None:
    candidates, past, interests = found
    free = allowed.copy()
    free[past.item[0][past.item[0] >= 0]] = False
    best = np.argsort(np.where(free, -(VECTORS @ interests[0].T).max(1), np.inf))[:10]
    by_text = candidates.item[0][candidates.source[0] == SOURCES.index("text")]
    assert set(best) == set(by_text[by_text >= 0])


def test_of_who_did_nothing_only_the_popular_are_candidates(found, allowed) -> None:
    candidates, _, _ = found
    items = candidates.item[-1][candidates.item[-1] >= 0]
    expected = np.argsort(np.where(allowed, -POPULARITY, np.inf), kind="stable")[:5]
    assert items.tolist() == expected.tolist()
    assert set(candidates.source[-1][: len(items)]) == {SOURCES.index("popular")}


def test_given_lists_take_the_place_of_all_searches(allowed) -> None:
    given = np.tile(np.array([1, 2, 3, 7, 1, -1], np.int32), (USERS, 1))
    candidates, past, _ = _find(allowed, given)
    for items, history in zip(candidates.item, past.item, strict=True):
        assert set(items[items >= 0]) == {1, 2, 3} - set(history)


def test_who_wants_none_of_the_most_popular_items_finds_those_that_follow() -> None:
    everything = np.ones(ITEMS, np.bool_)
    ranked = np.argsort(-POPULARITY)
    depths = Depths(10, 5, 5)
    barred = ranked[: 4 * depths.popular + 3]
    pairs = np.zeros(len(barred), np.int64), barred
    excluded = csr_array((np.ones(len(barred), np.bool_), pairs), shape=(1, ITEMS))
    neighbours = Neighbours(csr_matrix((ITEMS, ITEMS), dtype=np.float32))
    search = CandidateSearch(VECTORS, neighbours, POPULARITY, everything, depths)
    nobody = np.array([USERS - 1])
    found = search.find(
        np.zeros((1, 2, 8), np.float32), histories(EVENTS, nobody, np.array([100]), 5), excluded
    )
    assert found.item[0].tolist() == ranked[len(barred) :][: depths.popular].tolist()
