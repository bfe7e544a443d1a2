from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from apps.recommender.retrieval import quantised
from apps.recommender.retrieval.exact import exact_top_k
from apps.recommender.retrieval.quantised import QuantisedSearch

ITEMS = 3000


def _unit(*shape: int, seed: int) -> np.ndarray:
    found = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    return found / np.linalg.norm(found, axis=-1, keepdims=True)


def _left_out(share: float, users: int) -> tuple[np.ndarray, csr_array]:
    random = np.random.default_rng(2)
    mask = random.random((users, ITEMS)) < share
    return random.random(ITEMS) < 1 - share, csr_array(mask)


@pytest.mark.parametrize("interests", [1, 2])
@pytest.mark.parametrize("share", [0.0, 0.4])
def test_the_same_is_found_as_among_all_items(
    interests: int, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    items, vectors = _unit(ITEMS, 16, seed=0), _unit(2, interests, 16, seed=1)
    allowed, excluded = _left_out(share, 2)
    right = exact_top_k(vectors, items, 25, allowed=allowed, excluded=excluded)
    search = QuantisedSearch(items)
    # No item is read that the copy does not point at.
    monkeypatch.setattr(quantised, "exact_top_k", None)
    found, scores = search.top_k(vectors, 25, allowed=allowed, excluded=excluded)
    np.testing.assert_array_equal(found, right[0])
    np.testing.assert_allclose(scores, right[1], atol=1e-6)


def test_what_the_copy_cannot_tell_apart_is_read_in_full() -> None:
    items = np.repeat(_unit(1, 16, seed=0), ITEMS, 0) + 1e-5 * _unit(ITEMS, 16, seed=3)
    vectors, (allowed, excluded) = _unit(1, 1, 16, seed=1), _left_out(0.1, 1)
    found, _ = QuantisedSearch(items).top_k(vectors, 25, allowed=allowed, excluded=excluded)
    right, _ = exact_top_k(vectors, items, 25, allowed=allowed, excluded=excluded)
    np.testing.assert_array_equal(found, right)


def test_nothing_is_found_twice_or_where_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    items, vectors = _unit(ITEMS, 16, seed=0), _unit(1, 2, 16, seed=1)
    few = np.zeros(ITEMS, np.bool_)
    few[[5, 7, 9]] = True
    nobody = csr_array((1, ITEMS), dtype=np.bool_)
    # All that may be found is at hand: the others need not be read.
    monkeypatch.setattr(quantised, "exact_top_k", None)
    found, scores = QuantisedSearch(items).top_k(vectors, 5, allowed=few, excluded=nobody)
    assert sorted(found[0, :3].tolist()) == [5, 7, 9]
    assert found[0, 3:].tolist() == [-1, -1]
    assert np.isneginf(scores[0, 3:]).all()


def test_many_users_share_one_pass() -> None:
    items, vectors = _unit(ITEMS, 16, seed=0), _unit(9, 2, 16, seed=1)
    allowed, excluded = _left_out(0.2, 9)
    found, _ = QuantisedSearch(items).top_k(vectors, 5, allowed=allowed, excluded=excluded)
    right, _ = exact_top_k(vectors, items, 5, allowed=allowed, excluded=excluded)
    np.testing.assert_array_equal(found, right)
