from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from apps.recommender.catalogue.items import build_catalogue
from apps.recommender.catalogue.users import UserFeatures
from apps.recommender.interactions.events import Events, histories, sorted_events
from apps.recommender.interactions.popularity import DAY
from apps.recommender.ranking.features import FeatureBuilder
from apps.recommender.ranking.signals import FEATURES, Feature, is_true
from apps.recommender.retrieval.candidates import Candidates
from apps.recommender.schema import BEHAVIORS, Item

NOW = 1_780_000_000
ITEMS = [
    Item(item_id="a", title="A cat", tags=["cats", "Pets"], category="home", price=10),
    Item(item_id="b", title="A dog", tags=["dogs", "pets"], category="home", price=20),
    Item(
        item_id="c",
        title="养一只猫",
        tags=["cats"],
        category="zh",
        created_at=datetime.fromtimestamp(NOW - 3 * DAY, UTC),
    ),
    Item(item_id="d", title="Nothing is known of it"),
]
VECTORS = np.array([[1, 0], [0.6, 0.8], [0.8, 0.6], [0, 1]], np.float32)


def _events(rows: list[tuple[int, int, str, int]]) -> Events:
    """User, item, behaviour and seconds before now."""
    user, item, behavior, age = zip(*rows, strict=True)
    return sorted_events(
        np.array(user),
        np.array(item),
        np.array([BEHAVIORS.index(name) for name in behavior], np.int8),
        NOW - np.array(age),
        np.ones(len(rows), np.float32),
        users=3,
    )


EVENTS = _events(
    [
        (0, 1, "click", 4 * DAY),
        (0, 0, "purchase", 2 * DAY),
        (1, 2, "click", DAY // 2),
        (1, 0, "browse", 10 * DAY),
        (0, 3, "click", -DAY),
    ]
)


def _features(item: list[list[int]], asked: list[int], **options: Any) -> dict[str, np.ndarray]:
    builder = FeatureBuilder(build_catalogue(ITEMS), VECTORS, EVENTS, **options)
    number = np.array(asked)
    shape = np.array(item).shape
    candidates = Candidates(
        np.array(item, np.int32),
        np.linspace(0.9, 0.1, shape[1], dtype=np.float32) * np.ones(shape, np.float32),
        np.ones(shape, np.float32),
        np.zeros(shape, np.int8),
        np.linspace(0, 0.5, shape[1], dtype=np.float32) * np.ones(shape, np.float32),
    )
    past = histories(EVENTS, number, np.full(len(number), NOW), 6)
    values = builder.build(number, past, candidates)
    return {name: values[..., n] for n, name in enumerate(builder.names)}


@pytest.fixture(scope="module")
def one() -> dict[str, np.ndarray]:
    """User 0, who clicked b and bought a, asked about c, d, a and an empty place."""
    found = _features([[2, 3, 0, -1]], [0])
    return {name: values[0] for name, values in found.items()}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("text_score", [0.9, 0.9 - 0.8 / 3, 0.9 - 1.6 / 3]),
        ("text_gap", [0, -0.8 / 3, -1.6 / 3]),
        ("neighbour_share", [1, 1, 1]),
        ("similar_last", [0.8, 0, 1]),
        ("similar_last_3", [(0.8 + 0.96) / 2, 0.4, 0.8]),
        ("similar_best", [0.8, 0.8 * 0.8, 1]),
        ("similar_bought", [0.8, 0, 1]),
        ("events_1_day", [np.log(2), 0, 0]),
        ("events_7_days", [np.log(2), 0, np.log(2)]),
        ("events_30_days", [np.log(2), 0, np.log(3)]),
        ("purchases_30_days", [0, 0, np.log(2)]),
        ("purchase_share", [0, 0, 1 / 12]),
        ("age", [np.log(4), np.nan, np.nan]),
        ("price", [np.nan, np.nan, np.log(11)]),
        # Four events before now, of four items.
        ("events_all", np.log([1 / 1 + 0.1, 0.1, 2 / 1 + 0.1])),
        ("liking", [0, 0, 0]),
        ("price_to_bought", [np.nan, np.nan, 0]),
        ("category_share", [0, np.nan, 1]),
        ("times_met", [0, 0, 1]),
        ("user_events", [np.log(3)] * 3),
        ("user_pace", [np.log(3)] * 3),
        ("user_idle", [np.log(3)] * 3),
        ("user_purchase_share", [0.5] * 3),
        ("language_share", [0, 1, 1]),
    ],
)
def test_values_by_hand(one: dict[str, np.ndarray], name: str, expected: list[float]) -> None:
    assert np.allclose(one[name][:3], expected, atol=1e-5, equal_nan=True)


def test_tags_of_the_later_event_count_more(one: dict[str, np.ndarray]) -> None:
    later, earlier = 1.0, 0.5**0.1
    cats = later / (later + earlier)
    assert np.allclose(one["tag_overlap"][0], cats, atol=1e-5)
    assert np.allclose(one["tag_overlap"][2], (cats + 1) / 2, atol=1e-5)
    assert np.isnan(one["tag_overlap"][1])


def test_a_place_without_a_candidate_is_unknown(one: dict[str, np.ndarray]) -> None:
    assert all(np.isnan(values[3]) for values in one.values())


def test_of_a_user_without_events_only_the_item_is_known() -> None:
    found = _features([[0, 2]], [2])
    for name in ("similar_last", "similar_best", "tag_overlap", "category_share", "user_idle"):
        assert np.isnan(found[name]).all(), name
    assert np.allclose(found["events_30_days"], np.log([[3, 2]]))


def test_users_get_the_same_alone_as_together() -> None:
    together = _features([[0, 1, 2], [3, 2, 1], [1, 0, -1]], [0, 1, 2])
    for row, item in enumerate([[0, 1, 2], [3, 2, 1], [1, 0, -1]]):
        alone = _features([item], [row])
        for name, values in alone.items():
            assert np.allclose(values[0], together[name][row], atol=1e-6, equal_nan=True), name


def test_columns_of_the_users_file_are_features() -> None:
    of_users = UserFeatures(["tier"], np.array([[1], [2], [np.nan]], np.float32))
    found = _features([[0, -1], [0, 1]], [1, 2], users=of_users)["user_tier"]
    assert found[0, 0] == 2 and np.isnan(found[0, 1]) and np.isnan(found[1]).all()


def test_every_feature_has_a_sentence_of_its_own_in_both_languages() -> None:
    for sentences in zip(*(feature[:3] for feature in FEATURES), strict=True):
        assert all(sentences) and len(set(sentences)) == len(FEATURES)


def test_a_sentence_is_true_only_where_the_value_says_so() -> None:
    features = [
        Feature("h", "", "", "high"),
        Feature("n", "", "", "near"),
        Feature("x", "", "", "never"),
    ]
    values = np.array([[[3, 0.1, 9], [1, -2, 9], [np.nan, np.nan, 9]]], np.float32)
    assert is_true(values, features)[0].tolist() == [
        [True, True, False],
        [False, False, False],
        [False, False, False],
    ]
