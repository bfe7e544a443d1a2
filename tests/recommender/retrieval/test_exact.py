from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array

from apps.recommender.interactions.events import sorted_events
from apps.recommender.retrieval import exact as retrieve
from apps.recommender.retrieval.exact import exact_top_k, largest_products, seen
from apps.recommender.retrieval.top_k import best_of_rows


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Several blocks of users and of items, also for few of them."""
    monkeypatch.setattr(retrieve, "VECTORS", 8)
    monkeypatch.setattr(retrieve, "ITEMS", 700)
    yield


def _normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def _by_sorting(scores: np.ndarray, k: int) -> np.ndarray:
    return np.argsort(-scores, axis=1, kind="stable")[:, :k]


@pytest.mark.parametrize("interests", [1, 3])
def test_the_best_by_the_largest_product_of_any_interest(interests: int) -> None:
    vectors, items = _normal(21, interests, 16), _normal(2000, 16, seed=1)
    every = (vectors @ items.T).max(axis=1)
    found, scores = exact_top_k(vectors, items, 20)
    assert (found == _by_sorting(every, 20)).all()
    assert np.allclose(scores, np.take_along_axis(every, found, 1), atol=1e-5)


def test_equal_scores_come_by_item_number() -> None:
    # Whole numbers, so that sums are exact and many scores are equal, over several blocks.
    rng = np.random.default_rng(3)
    vectors = rng.integers(-1, 2, (5, 1, 4)).astype(np.float32)
    vectors[0] = 0
    items = rng.integers(-1, 2, (3000, 4)).astype(np.float32)
    found, _ = exact_top_k(vectors, items, 30)
    assert (found[0] == np.arange(30)).all()
    assert (found == _by_sorting(vectors[:, 0] @ items.T, 30)).all()


def test_what_is_seen_or_not_allowed_is_not_found() -> None:
    vectors, items = _normal(9, 2, 8), _normal(1500, 8, seed=1)
    rng = np.random.default_rng(2)
    allowed = rng.random(1500) < 0.5
    mask = rng.random((9, 1500)) < 0.3
    every = np.where(mask | ~allowed, -np.inf, (vectors @ items.T).max(axis=1))
    found, _ = exact_top_k(vectors, items, 25, allowed=allowed, excluded=csr_array(mask))
    assert (found == _by_sorting(every, 25)).all()


def test_places_without_an_item_are_minus_one_and_last() -> None:
    vectors, items = _normal(2, 1, 4), _normal(10, 4, seed=1)
    allowed = np.arange(10) < 3
    found, scores = exact_top_k(vectors, items, 12, allowed=allowed)
    assert (np.sort(found[:, :3], axis=1) == [0, 1, 2]).all()
    assert (found[:, 3:] == -1).all() and np.isneginf(scores[:, 3:]).all()


def test_no_user_and_no_item() -> None:
    assert exact_top_k(_normal(0, 1, 4), _normal(5, 4), 3)[0].shape == (0, 3)
    assert (exact_top_k(_normal(2, 1, 4), _normal(0, 4), 3)[0] == -1).all()
    assert largest_products(_normal(2, 40, 4), _normal(0, 4)).shape == (40, 0)


def test_items_may_be_a_memory_map(tmp_path: Path) -> None:
    vectors, items = _normal(3, 1, 8), _normal(900, 8, seed=1)
    np.save(tmp_path / "items.npy", items)
    mapped = np.load(tmp_path / "items.npy", mmap_mode="r")
    assert (exact_top_k(vectors, mapped, 10)[0] == exact_top_k(vectors, items, 10)[0]).all()


def test_seen_are_the_items_of_the_users_events() -> None:
    events = sorted_events(
        np.array([0, 2, 2, 2]),
        np.array([4, 1, 3, 1]),
        np.zeros(4, np.int8),
        np.array([9, 5, 6, 7]),
        np.ones(4, np.float32),
        users=3,
    )
    dense = seen(events, np.array([2, 1, 0]), 5).toarray()
    assert [np.flatnonzero(row).tolist() for row in dense] == [[1, 3], [], [4]]


@pytest.mark.parametrize(("n", "k"), [(5, 9), (40, 7), (1000, 7), (1001, 3), (1003, 1)])
def test_best_of_rows_agrees_with_sorting(n: int, k: int) -> None:
    scores = np.random.default_rng(n).integers(-20, 20, (6, n)).astype(np.float32)
    places, best = best_of_rows(scores, k)
    expected = _by_sorting(scores, k)
    assert (places[:, : expected.shape[1]] == expected).all()
    assert (best[:, : expected.shape[1]] == np.take_along_axis(scores, expected, 1)).all()
