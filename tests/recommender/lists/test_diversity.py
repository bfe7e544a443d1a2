from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from apps.recommender.lists.diversity import Cap, Method, rerank
from apps.recommender.lists.diversity_weight import choose_weight

METHODS: tuple[Method, ...] = ("dpp", "mmr")


def unit(vectors: NDArray[Any]) -> NDArray[np.float32]:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def greedy(items: Any, relevance: Any, vectors: Any, k: int, weight: float, method: str) -> Any:
    """One list, by the definition: the determinant, or the nearest one, of every extension."""
    kernel = vectors[items].astype(np.float64) @ vectors[items].T.astype(np.float64)
    np.fill_diagonal(kernel, 1.0)
    scaled = (relevance - relevance.min()) / (relevance.max() - relevance.min())
    chosen: list[int] = []

    def value(place: int) -> float:
        together = [*chosen, place]
        if method == "dpp":
            whole = np.linalg.det(kernel[np.ix_(together, together)])
            before = np.linalg.det(kernel[np.ix_(chosen, chosen)]) if chosen else 1.0
            difference = np.log(whole / before)
        else:
            difference = -max(kernel[place, chosen]) if chosen else 0.0
        return float((1 - weight) * scaled[place] + weight * difference)

    for _ in range(k):
        left = [place for place in range(len(items)) if place not in chosen]
        # At strength 1 all first places are worth the same: the more relevant one is taken.
        left.sort(key=lambda place: -scaled[place])
        chosen.append(max(left, key=value))
    return chosen


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("weight", [0.0, 0.2, 0.6, 1.0])
def test_each_step_takes_the_place_worth_most(method: Method, weight: float) -> None:
    random = np.random.default_rng(0)
    vectors = unit(random.normal(size=(40, 8)) + 0.7)
    items = np.array([random.permutation(40)[:12] for _ in range(150)], np.int32)
    relevance = random.normal(size=items.shape)
    found = rerank(items, relevance, vectors, 6, weight, method)
    expected = [
        greedy(*row, vectors, 6, weight, method) for row in zip(items, relevance, strict=True)
    ]
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("method", METHODS)
def test_a_copy_comes_after_what_is_new(method: Method) -> None:
    vectors = unit(np.array([[1.0, 0, 0], [1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0]]))
    items, relevance = np.array([[0, 1, 2, 3]], np.int32), np.array([[4.0, 3.9, 2.0, 1.0]])
    assert rerank(items, relevance, vectors, 4, 0.9, method).tolist() == [[0, 2, 3, 1]]


def test_more_places_than_dimensions_are_filled_by_relevance() -> None:
    vectors = unit(np.random.default_rng(0).normal(size=(30, 2)))
    items = np.arange(30, dtype=np.int32)[None]
    found = rerank(items, np.linspace(1, 0, 30)[None], vectors, 30, 0.5)[0]
    assert sorted(found) == list(range(30))
    assert (np.diff(found[4:]) > 0).all()


def test_only_the_first_places_are_looked_at() -> None:
    vectors = unit(np.random.default_rng(0).normal(size=(30, 4)))
    items = np.arange(30, dtype=np.int32)[None]
    assert rerank(items, np.linspace(1, 0, 30)[None], vectors, 5, 1.0, first=10).max() < 10


@st.composite
def lists(draw: st.DrawFn) -> dict[str, Any]:
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    users, places = draw(st.integers(1, 4)), draw(st.integers(1, 25))
    items = np.array([random.permutation(30)[:places] for _ in range(users)], np.int32)
    items[random.random(items.shape) < draw(st.sampled_from([0.0, 0.3, 1.0]))] = -1
    vectors = unit(random.normal(size=(30, draw(st.integers(1, 6)))))
    vectors[random.random(30) < 0.1] = 0
    groups = random.integers(-1, 4, (30, draw(st.integers(1, 3)))).astype(np.int32)
    return {
        "items": items,
        "relevance": random.integers(-3, 4, items.shape).astype(np.float32),
        "vectors": vectors,
        "k": draw(st.integers(1, 30)),
        "caps": [Cap(groups, draw(st.integers(1, 3)))] if draw(st.booleans()) else [],
        "method": draw(st.sampled_from(METHODS)),
    }


@settings(max_examples=200, deadline=None)
@given(lists(), st.floats(0, 1))
def test_any_list_is_a_proper_one(given: dict[str, Any], weight: float) -> None:
    found = rerank(weight=weight, **given)
    items, k = given["items"], given["k"]
    assert found.shape == (len(items), k)
    for places, row in zip(found, items, strict=True):
        taken = places[places >= 0]
        assert (places[len(taken) :] == -1).all(), "empty places stand last"
        assert len(set(taken)) == len(taken), "no place twice"
        assert (row[taken] >= 0).all(), "no empty place is chosen"
        if given["caps"]:
            _check_cap(given["caps"][0], row, taken, k)
        else:
            assert len(taken) == min(k, (row >= 0).sum())


def _check_cap(cap: Cap, row: Any, taken: Any, k: int) -> None:
    in_list = [set(cap.groups[item]) - {-1} for item in row[taken]]
    count = {group: sum(group in one for one in in_list) for group in range(4)}
    assert max(count.values()) <= cap.most
    if len(taken) < k:
        full = {group for group, many in count.items() if many == cap.most}
        left = set(row[row >= 0]) - set(row[taken])
        assert all(set(cap.groups[item]) & full for item in left), "a list ends only at its caps"


@settings(max_examples=100, deadline=None)
@given(lists())
def test_without_strength_the_ranking_stays(given: dict[str, Any]) -> None:
    found = rerank(weight=0.0, **given)
    for places, row, relevance in zip(found, given["items"], given["relevance"], strict=True):
        ranking = [p for p in np.argsort(-relevance, kind="stable") if row[p] >= 0]
        taken = list(places[places >= 0])
        assert taken == [place for place in ranking if place in taken]
        if not given["caps"]:
            assert taken == ranking[: given["k"]]


def _validation(random: np.random.Generator) -> dict[str, Any]:
    """Lists of five subjects, where the right items stand high and are of one subject."""
    vectors = unit(np.repeat(np.eye(5), 20, 0) + 0.1 * random.normal(size=(100, 5)))
    items = np.array([random.permutation(100)[:60] for _ in range(60)], np.int32)
    hits = (items < 20) & (random.random(items.shape) < 0.5)
    relevance = hits + (items < 20) * 0.5 + random.normal(size=items.shape) * 0.5
    return {
        "items": items,
        "relevance": relevance,
        "vectors": vectors,
        "hits": hits,
        "relevant": hits.sum(1),
        "k": 10,
    }


@pytest.mark.parametrize("method", METHODS)
def test_the_strength_chosen_is_the_most_diverse_within_the_loss(method: Method) -> None:
    given = _validation(np.random.default_rng(1))
    choice = choose_weight(**given, method=method, max_ndcg_loss=0.05)
    plain = choice.trials[0]
    chosen = next(one for one in choice.trials if one.weight == choice.weight)
    assert 0 < choice.weight < 1
    assert plain.cost == plain.most == 0
    # A share of nDCG, and all of its one-sided interval: half of it is not half a point.
    assert chosen.cost == pytest.approx(1 - chosen.ndcg / plain.ndcg)
    assert chosen.cost < chosen.most <= 0.05
    assert all(one.gained <= chosen.gained for one in choice.trials if one.most <= 0.05)
    assert choose_weight(**given, method=method, max_ndcg_loss=1.0).weight > choice.weight


def test_what_cannot_be_afforded_is_not_chosen() -> None:
    given = _validation(np.random.default_rng(1))
    assert choose_weight(**given, max_ndcg_loss=0.0, weights=(0.5, 1.0)).weight == 0.0


@pytest.mark.parametrize("method", ["dpp", "mmr"])
def test_behind_the_diverse_places_relevance_alone_decides(method: Method) -> None:
    random = np.random.default_rng(4)
    vectors = random.standard_normal((40, 4)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    items = np.arange(40, dtype=np.int32)[None]
    relevance = np.linspace(1, 0, 40)[None]
    whole = rerank(items, relevance, vectors, 12, 0.8, method)[0]
    found = rerank(items, relevance, vectors, 12, 0.8, method, diverse=5)[0]
    assert found[:5].tolist() == whole[:5].tolist()
    rest = [place for place in range(40) if place not in found[:5]]
    assert found[5:].tolist() == rest[:7]
