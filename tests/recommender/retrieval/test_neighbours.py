from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from apps.recommender.catalogue.items import Catalogue, build_catalogue
from apps.recommender.interactions.events import Events, histories, sorted_events
from apps.recommender.retrieval import neighbours
from apps.recommender.retrieval.collaborative import Ease
from apps.recommender.retrieval.neighbours import learn_neighbours, load_neighbours
from apps.recommender.schema import Item


def _catalogue(items: int) -> Catalogue:
    return build_catalogue([Item(item_id=str(n), title=f"Book {n}") for n in range(items)])


def _events(users: int, items: int, count: int, seed: int = 0) -> Events:
    rng = np.random.default_rng(seed)
    user = rng.integers(0, users, count)
    # Users of one half meet mostly items of the same half.
    item = (rng.integers(0, items // 2, count) * 2 + (user + (rng.random(count) < 0.1)) % 2) % items
    return sorted_events(
        user,
        item,
        np.ones(count, np.int8),
        rng.permutation(count),
        np.ones(count, np.float32),
        users=users,
    )


@pytest.fixture(params=["more users", "more items", "cosines"])
def learned(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Events, neighbours.Neighbours, int]]:
    monkeypatch.setattr(neighbours, "ROWS", 7)
    users, items = (20, 60) if request.param == "more items" else (200, 30)
    if request.param == "cosines":
        monkeypatch.setattr(neighbours, "MOST_ITEMS_FOR_EASE", 5)
    events = _events(users, items, 600)
    yield events, learn_neighbours(events, _catalogue(items)), items


def test_items_that_the_same_users_met_speak_for_each_other(
    learned: tuple[Events, neighbours.Neighbours, int],
) -> None:
    _, found, items = learned
    weights = found.weights.toarray()
    half = np.arange(items) % 2
    together = half[:, None] == half
    assert (np.diag(weights) == 0).all() and (weights >= 0).all()
    assert weights[together].mean() > 2 * weights[~together].mean()


@pytest.mark.parametrize(("users", "items"), [(200, 30), (20, 60)])
def test_the_weights_are_those_of_the_closed_form(users: int, items: int) -> None:
    events, catalogue = _events(users, items, 600), _catalogue(items)
    ease = Ease()
    ease.fit(events, catalogue)
    weights = learn_neighbours(events, catalogue, nearest=items).weights.toarray()
    met = np.zeros((users, items))
    met[events.user, events.item] = 1
    inverse = np.linalg.inv(met.T @ met + ease.regularisation * np.eye(items))
    expected = -inverse / np.diag(inverse)
    np.fill_diagonal(expected, 0)
    assert np.allclose(weights, np.maximum(expected, 0), atol=1e-5)


def test_only_the_nearest_are_kept() -> None:
    events, catalogue = _events(200, 30, 600), _catalogue(30)
    every = learn_neighbours(events, catalogue).weights.toarray()
    few = learn_neighbours(events, catalogue, nearest=4).weights.toarray()
    assert ((few > 0).sum(axis=1) == np.minimum((every > 0).sum(axis=1), 4)).all()
    assert np.allclose(few.max(axis=1), every.max(axis=1))


def test_a_history_sums_its_items_and_a_repeated_one_counts_once() -> None:
    events, catalogue = _events(200, 30, 600), _catalogue(30)
    found = learn_neighbours(events, catalogue)
    alike = neighbours.Neighbours(found.weights)
    one = sorted_events(
        np.zeros(3, np.int32),
        np.array([4, 6, 4]),
        np.ones(3, np.int8),
        np.arange(3),
        np.ones(3, np.float32),
        users=2,
    )
    asked = histories(one, np.array([0, 1]), np.array([99, 99]), length=5)
    weights = found.weights.toarray()
    assert np.allclose(alike.scores(asked), [weights[4] + weights[6], np.zeros(30)])
    fading = neighbours.Neighbours(found.weights, half_life=1.0)
    assert np.allclose(fading.scores(asked)[0], weights[4] + weights[6] / 2)


def test_saved_and_loaded_it_is_the_same(tmp_path: Path) -> None:
    found = learn_neighbours(_events(200, 30, 600), _catalogue(30), half_life=10)
    found.save(tmp_path)
    loaded = load_neighbours(tmp_path)
    assert (loaded.weights != found.weights).nnz == 0
    assert (loaded.company != found.company).nnz == 0
    assert loaded.half_life == 10


def test_company_counts_users_by_when_they_were_seen_and_how_much_they_met() -> None:
    # User 0 met items 0, 1 and 2, user 1 a half-life later items 0 and 3, user 2 item 4 alone.
    user, item = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 1, 2, 0, 3, 4])
    time = np.array([0, 0, 0, 1, 1, 1]) * neighbours.USER_HALF_LIFE
    events = sorted_events(user, item, np.ones(6, np.int8), time, np.ones(6, np.float32), users=4)
    found = learn_neighbours(events, _catalogue(6))
    rarity = np.log1p(3 / (1 + np.array([2, 1, 1, 1, 1, 0])))
    company = found.company.toarray()
    assert np.allclose(
        company[0],
        rarity[0] * np.array([0, 1, 1, 0, 0, 0]) * 0.5 / np.sqrt(3)
        + (rarity[0] * np.array([0, 0, 0, 1, 0, 0]) / np.sqrt(2)),
    )
    assert not company[4].any() and not company[5].any()
    asked = histories(events, np.array([1, 3]), np.full(2, time.max() + 1), length=5)
    assert np.allclose(found.company_scores(asked), [company[0] + company[3], np.zeros(6)])


def test_without_events_nothing_speaks() -> None:
    found = learn_neighbours(_events(3, 4, 0), _catalogue(4))
    assert found.weights.nnz == 0 and found.company.nnz == 0
