from __future__ import annotations

import numpy as np
import pytest

from apps.recommender.baselines.counting import Baseline, ItemMean, Popularity
from apps.recommender.baselines.reading import Bm25, FrozenEncoder
from apps.recommender.catalogue.items import Catalogue, build_catalogue
from apps.recommender.interactions.events import Events, Histories, histories, sorted_events
from apps.recommender.retrieval.collaborative import Ease, ItemKnn, known_by, user_items
from apps.recommender.schema import Item

DAY = 24 * 3600
TITLES = [
    "Sailing alone around the world",
    "Knots for sailing",
    "Bread at home",
    "Sourdough bread",
    "家常面包",
    "面包与黄油",
]
VECTORS = np.array([[1, 0], [1, 0.1], [0, 1], [0.1, 1], [0, 1], [0, 0]], np.float32)


def _catalogue(titles: list[str] = TITLES) -> Catalogue:
    return build_catalogue([Item(item_id=str(n), title=title) for n, title in enumerate(titles)])


def _events(rows: list[tuple[int, int]], users: int, weights: list[float] | None = None) -> Events:
    user, item = (np.array(column) for column in zip(*rows, strict=True))
    weight = np.ones(len(rows)) if weights is None else np.array(weights)
    return sorted_events(
        user, item, np.zeros(len(rows)), np.arange(len(rows)) * DAY, weight, users=users
    )


def _random_events(users: int, items: int, seed: int = 0) -> Events:
    random = np.random.default_rng(seed)
    rows = [(u, int(i)) for u in range(users) for i in random.permutation(items)[: items // 3]]
    return _events(rows, users)


def _histories(*items: list[int]) -> Histories:
    rows = [(user, item) for user, row in enumerate(items) for item in row]
    events = _events(rows or [(0, 0)], max(len(items), 1))
    users = np.arange(len(items))
    return histories(events, users, np.full(len(users), 10**9), length=8)


def _all() -> list[Baseline]:
    return [
        Popularity(),
        Popularity(1),
        ItemMean(),
        ItemKnn(),
        Ease(),
        Bm25(),
        FrozenEncoder(VECTORS),
    ]


@pytest.mark.parametrize("baseline", _all(), ids=lambda b: b.name)
def test_every_baseline_scores_every_item_even_for_who_did_nothing(baseline: Baseline) -> None:
    events = _events([(0, 0), (0, 1), (1, 2), (1, 3), (2, 0)], 4)
    baseline.fit(events, _catalogue())
    scores = baseline.scores(_histories([0], [], [4, 5]))
    assert scores.shape == (3, len(TITLES))
    assert scores.dtype == np.float32
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("baseline", _all(), ids=lambda b: b.name)
def test_every_baseline_stands_an_empty_past(baseline: Baseline) -> None:
    nothing = np.empty(0)
    baseline.fit(sorted_events(*[nothing] * 5, users=2), _catalogue())
    assert np.isfinite(baseline.scores(_histories([0]))).all()


def test_popularity_counts_users_not_events() -> None:
    events = _events([(0, 3), (0, 3), (0, 3), (1, 2), (2, 2)], 3)
    popularity = Popularity()
    popularity.fit(events, _catalogue())
    assert popularity.scores(_histories([0]))[0].tolist() == [0, 0, 2, 1, 0, 0]


def test_popularity_of_late_forgets() -> None:
    popularity = Popularity(days=2)
    popularity.fit(_events([(0, 1), (1, 1), (2, 3), (3, 2), (4, 2)], 5), _catalogue())
    assert popularity.scores(_histories([0]))[0].tolist() == [0, 0, 2, 1, 0, 0]


def test_a_mean_of_few_events_is_drawn_to_the_mean_of_all() -> None:
    rows = [(0, 0)] + [(u, 1) for u in range(30)] + [(u, 2) for u in range(30)]
    weights = [5.0] + [4.5] * 30 + [2.0] * 30
    mean = ItemMean()
    mean.fit(_events(rows, 30, weights), _catalogue())
    order = np.argsort(-mean.scores(_histories([3]))[0])
    assert order[0] == 1
    assert order[1] == 0
    assert order[-1] == 2


def test_neighbours_are_what_the_same_users_met() -> None:
    rows = [(u, i) for u in range(5) for i in (0, 1)] + [
        (u, i) for u in range(5, 9) for i in (2, 3)
    ]
    knn = ItemKnn(shrinkage=0.0)
    knn.fit(_events([*rows, (9, 1), (9, 2)], 10), _catalogue())
    scores = knn.scores(_histories([0]))[0]
    # Items 0 and 1 share 5 users, of 5 and 6.
    assert scores[1] == pytest.approx(5 / np.sqrt(5 * 6))
    assert scores[0] == 0.0
    assert scores[[2, 3, 4]].tolist() == [0, 0, 0]


def test_only_the_nearest_count() -> None:
    events = _random_events(40, 24)
    catalogue = _catalogue([f"item {n}" for n in range(24)])
    few, all_ = ItemKnn(neighbours=3), ItemKnn(neighbours=24)
    few.fit(events, catalogue)
    all_.fit(events, catalogue)
    some, whole = few.scores(_histories([0]))[0], all_.scores(_histories([0]))[0]
    third = np.sort(whole)[-3]
    assert some == pytest.approx(np.where(whole >= third, whole, 0.0))


@pytest.mark.parametrize(("users", "items"), [(30, 12), (12, 30)])
def test_ease_solves_the_penalised_least_squares_without_a_diagonal(users: int, items: int) -> None:
    events = _random_events(users, items)
    penalty = 3.0
    ease = Ease(penalty)
    ease.fit(events, _catalogue([f"item {n}" for n in range(items)]))
    met = user_items(events, items).toarray().astype(float)
    history = list(range(0, items, 4))
    scores = ease.scores(_histories(history))[0]
    for item in range(items):
        others = np.delete(np.arange(items), item)
        gram = met[:, others].T @ met[:, others] + penalty * np.eye(items - 1)
        weight = np.linalg.solve(gram, met[:, others].T @ met[:, item])
        assert scores[item] == pytest.approx(weight[np.isin(others, history)].sum(), abs=1e-4)


def test_ease_of_too_many_items_keeps_those_that_most_users_met() -> None:
    events = _events([(u, i) for u in range(6) for i in range(6) if u >= i], 6)
    ease = Ease(1.0, most_items=3)
    ease.fit(events, _catalogue())
    scores = ease.scores(_histories([0, 5]))[0]
    assert scores[1] > 0
    assert scores[[3, 4, 5]].tolist() == [0, 0, 0]


def test_words_of_a_history_find_items_in_both_languages() -> None:
    bm25 = Bm25()
    bm25.fit(_events([(0, 0)], 1), _catalogue())
    scores = bm25.scores(_histories([0], [4]))
    assert scores[0, 1] > 0
    assert scores[0, [2, 3, 4, 5]].tolist() == [0, 0, 0, 0]
    assert scores[1, 5] > 0
    assert scores[1, [0, 1, 2, 3]].tolist() == [0, 0, 0, 0]


def test_bm25_counted_by_hand() -> None:
    bm25 = Bm25(k1=1.2, b=0.75)
    bm25.fit(_events([(0, 0)], 1), _catalogue(["tea", "tea tea pot", "cup and saucer"]))
    rarity = np.log1p((3 - 2 + 0.5) / (2 + 0.5))
    mean_length = 7 / 3
    expected = rarity * 2 * 2.2 / (2 + 1.2 * (0.25 + 0.75 * 3 / mean_length))
    assert bm25.scores(_histories([0]))[0, 1] == pytest.approx(expected, rel=1e-5)


def test_bm25_asks_with_the_whole_text_and_may_forget() -> None:
    items = [
        Item(item_id="0", title="Rye", description="bread and butter"),
        Item(item_id="1", title="Sourdough bread"),
        Item(item_id="2", title="A sail"),
        Item(item_id="3", title="Sail repair"),
    ]
    catalogue = build_catalogue(items)
    asked = _histories([0, 2])
    scores = {}
    for forgetting in (1.0, 0.5):
        bm25 = Bm25(forgetting)
        bm25.fit(_events([(0, 0)], 1), catalogue)
        scores[forgetting] = bm25.scores(asked)[0]
    assert scores[1.0][1] > 0, "by a word of the description"
    assert scores[0.5][1] == pytest.approx(scores[1.0][1] / 2)
    assert scores[0.5][3] == pytest.approx(scores[1.0][3])


def test_texts_without_a_word_score_nothing() -> None:
    bm25 = Bm25()
    bm25.fit(_events([(0, 0)], 1), _catalogue(["…", "?"]))
    assert bm25.scores(_histories([0])).tolist() == [[0, 0]]


def test_the_encoder_follows_the_latest_items() -> None:
    encoder = FrozenEncoder(VECTORS, forgetting=0.5)
    encoder.fit(_events([(0, 0)], 1), _catalogue())
    scores = encoder.scores(_histories([0, 2], [2, 0]))
    assert scores[0, 3] > scores[0, 1]
    assert scores[1, 1] > scores[1, 3]
    assert scores[0, 5] == 0.0
    with pytest.raises(ValueError, match="one vector for each item"):
        FrozenEncoder(VECTORS[:2]).fit(_events([(0, 0)], 1), _catalogue())


def test_an_item_met_twice_by_one_user_is_known_by_one() -> None:
    assert known_by(_events([(0, 1), (0, 1), (1, 1)], 2), 3).tolist() == [0, 2, 0]
