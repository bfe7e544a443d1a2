from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array

from apps.recommender.retrieval.approximate import build_search, load_search
from apps.recommender.retrieval.exact import exact_top_k

ITEMS, USERS, K = 3000, 20, 50


def _unit(*shape: int, seed: int) -> np.ndarray:
    drawn = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    return drawn / np.linalg.norm(drawn, axis=-1, keepdims=True)


ITEM_VECTORS = _unit(ITEMS, 24, seed=0)
USER_VECTORS = _unit(USERS, 2, 24, seed=1)
ALLOWED = np.arange(ITEMS) % 5 > 0


def _excluded() -> csr_array:
    best, _ = exact_top_k(USER_VECTORS, ITEM_VECTORS, 3, allowed=ALLOWED)
    pairs = np.repeat(np.arange(USERS), 3), best.ravel()
    return csr_array((np.ones(3 * USERS, np.bool_), pairs), shape=(USERS, ITEMS))


def test_it_finds_nearly_what_exact_search_finds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    search, excluded = build_search(ITEM_VECTORS, ALLOWED), _excluded()
    found, score = search.top_k(USER_VECTORS, K, excluded)
    right, right_score = exact_top_k(
        USER_VECTORS, ITEM_VECTORS, K, allowed=ALLOWED, excluded=excluded
    )
    shares = [np.isin(r, f).mean() for r, f in zip(right, found, strict=True)]
    assert np.mean(shares) > 0.9
    assert (np.diff(score, axis=1) <= 0).all()
    assert score.max() <= right_score.max() + 1e-5
    assert "of the exact first 200" in capsys.readouterr().err

    search.save(tmp_path)
    loaded = load_search(tmp_path)
    assert loaded is not None
    again, _ = loaded.top_k(USER_VECTORS, K, excluded)
    assert np.array_equal(found, again)


def test_nothing_barred_is_found_and_nothing_twice() -> None:
    search, excluded = build_search(ITEM_VECTORS, ALLOWED), _excluded()
    found, _ = search.top_k(USER_VECTORS, K, excluded)
    for user, items in enumerate(found):
        items_of_user = items[items >= 0]
        assert len(set(items_of_user)) == len(items_of_user)
        assert ALLOWED[items_of_user].all()
        own = excluded.indices[excluded.indptr[user] : excluded.indptr[user + 1]]
        assert not set(own) & set(items_of_user)


def test_where_nothing_was_saved_nothing_is_loaded(tmp_path: Path) -> None:
    assert load_search(tmp_path) is None
