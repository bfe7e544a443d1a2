from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from apps.recommender.comparison.impressions import POPULARITY, areas_by_method
from apps.recommender.interactions.events import Impressions, sorted_events
from apps.recommender.retrieval.candidates import Candidates

ITEMS, USERS = 20, 3


class Backwards:
    """Looks up lists in another order than they are given in, and scores an item by its number."""

    block_size = 2
    choices = SimpleNamespace(history=4)
    builder = SimpleNamespace(names=["price", POPULARITY])
    prepared = SimpleNamespace(
        catalogue=range(ITEMS),
        events=sorted_events(
            np.arange(USERS, dtype=np.int32),
            np.zeros(USERS, np.int32),
            np.zeros(USERS, np.int8),
            np.zeros(USERS, np.int64),
            np.ones(USERS, np.float32),
            users=USERS,
        ),
    )

    def look_up_after(self, users, past, excluded, lists):
        assert excluded.nnz == 0
        widest = max(map(len, lists)) + 1
        item = np.full((len(lists), widest), -1, np.int32)
        for row, items in enumerate(lists):
            item[row, : len(items)] = items[::-1]
        text = (-item).astype(np.float32)
        empty = np.zeros(item.shape)
        features = np.stack([empty, item % 3], -1)
        return SimpleNamespace(
            candidates=Candidates(item, text, empty, empty, empty), features=features
        )

    def scores(self, block):
        return block.candidates.item.astype(np.float32)


SHOWN = Impressions(
    impression=np.array([0, 0, 1, 1, 1, 2, 2, 3], np.int32),
    user=np.array([0, 0, 1, 1, 1, 0, 0, 2], np.int32),
    item=np.array([3, 7, 5, 2, 9, 4, 8, 6], np.int32),
    label=np.array([0, 1, 1, 0, 0, 0, 1, 1], np.int8),
    time=np.array([5, 5, 20, 20, 20, 30, 30, 40], np.int64),
)


def test_each_shown_item_gets_its_own_score_and_earlier_ones_are_left_out() -> None:
    found = areas_by_method(Backwards(), SHOWN, since=10)
    label, item = SHOWN.label[2:], SHOWN.item[2:]
    expected = {"recommender": item, "text alone, fine-tuned": -item, "popularity": item % 3}
    for name, scores in expected.items():
        assert found[name]["auc"] == pytest.approx(roc_auc_score(label, scores))


def test_nothing_logged_nothing_said() -> None:
    assert areas_by_method(Backwards(), None, since=0) == {}
    assert areas_by_method(Backwards(), SHOWN, since=100) == {}


class Bare(Backwards):
    """Nothing of what was shown may be recommended now."""

    def look_up_after(self, users, past, excluded, lists):
        block = super().look_up_after(users, past, excluded, lists)
        block.candidates.item[:] = -1
        return block


def test_what_may_no_longer_be_recommended_is_not_told_apart() -> None:
    found = areas_by_method(Bare(), SHOWN, since=10)
    assert {name: areas["auc"] for name, areas in found.items()} == {
        "recommender": 0.5,
        "text alone, fine-tuned": 0.5,
        "popularity": 0.5,
    }
