from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from apps.recommender.catalogue.items import build_catalogue
from apps.recommender.interactions.events import Events, histories, sorted_events
from apps.recommender.pipeline import beginning
from apps.recommender.pipeline.beginning import begin_together
from apps.recommender.retrieval import together
from apps.recommender.retrieval.together import FEWEST_PAIRS, pairs, projection
from apps.recommender.retrieval.towers import TowerModel, TowerSizes
from apps.recommender.schema import Item
from apps.recommender.task import Query, RecommenderTask

ITEMS, WIDTH, USERS, EACH, KINDS = 120, 12, 150, 8, 6
RANDOM = np.random.default_rng(0)
KIND = np.arange(ITEMS) % KINDS
# Half of each text tells its kind, faintly; what it tells loudly, nobody chooses by.
TEXTS = RANDOM.normal(size=(ITEMS, WIDTH)) * np.repeat([0.3, 1.0], WIDTH // 2)
TEXTS[:, : WIDTH // 2] += 0.6 * np.eye(KINDS)[KIND]
TEXTS = (TEXTS / np.linalg.norm(TEXTS, axis=1, keepdims=True)).astype(np.float32)


def _events(faithful: bool) -> Events:
    """Users keep to one kind, or to none."""
    item = [
        RANDOM.choice(np.flatnonzero(user % KINDS == KIND) if faithful else ITEMS, EACH, False)
        for user in range(USERS)
    ]
    count = USERS * EACH
    return sorted_events(
        np.repeat(np.arange(USERS), EACH),
        np.concatenate(item),
        np.ones(count, np.int8),
        np.tile(np.arange(EACH), USERS),
        np.ones(count, np.float32),
        users=USERS,
    )


FAITHFUL, FICKLE = _events(faithful=True), _events(faithful=False)


def test_pairs_are_near_events_of_one_user_that_were_liked() -> None:
    events = sorted_events(
        np.array([0, 0, 0, 0, 0, 1]),
        np.array([5, 6, 5, 7, 8, 9]),
        np.ones(6),
        np.arange(6),
        np.array([1, 1, 1, 0, 1, 1]),
        users=2,
    )
    found = sorted(map(tuple, pairs(events).tolist()))
    forward = [(5, 6), (6, 5), (5, 8), (6, 8), (5, 8)]
    assert found == sorted(forward + [pair[::-1] for pair in forward])


def test_what_is_taken_together_comes_nearer() -> None:
    found = projection(TEXTS, pairs(FAITHFUL), 0.1, 0.001)
    assert found is not None and found.shape == (WIDTH, WIDTH)
    assert _of_one_kind(TEXTS @ found.T) > _of_one_kind(TEXTS) + 0.2
    # Texts can be read back.
    assert np.linalg.cond(found) < 1e3


def test_of_many_events_those_of_some_users_teach(monkeypatch: pytest.MonkeyPatch) -> None:
    every = pairs(FAITHFUL)
    monkeypatch.setattr(together, "MOST_EVENTS", USERS * EACH // 2)
    assert 0.3 < len(pairs(FAITHFUL)) / len(every) < 0.7


def _of_one_kind(vectors: np.ndarray) -> float:
    """Share of the five nearest that are of the same kind."""
    vectors = vectors - vectors.mean(0)
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    near = np.argsort(-(vectors @ vectors.T), 1)[:, 1:6]
    return float((KIND[near] == KIND[:, None]).mean())


def test_of_few_pairs_nothing_is_learned() -> None:
    assert projection(TEXTS, pairs(FAITHFUL)[: FEWEST_PAIRS - 1], 0.1, 0.001) is None


def test_where_all_texts_are_the_same_nothing_is_learned() -> None:
    same = np.repeat(TEXTS[:1], ITEMS, 0)
    assert projection(same, pairs(FAITHFUL), 0.1, 0.001) is None
    assert projection(np.zeros_like(same), pairs(FAITHFUL), 0.1, 0.001) is None


@pytest.mark.parametrize("faithful", [True, False])
def test_the_tower_begins_where_later_queries_are_ranked_best(
    faithful: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = FAITHFUL if faithful else FICKLE
    catalogue = build_catalogue([Item(item_id=str(n), title=f"Title {n}") for n in range(ITEMS)])
    pretrained = torch.from_numpy(TEXTS)
    task = RecommenderTask(
        catalogue,
        pretrained,
        frozen=True,
        popularity=np.full(ITEMS, 1 / ITEMS),
        sizes=TowerSizes(width=8, history=EACH),
    )
    task.model = TowerModel(nn.Identity(), pretrained.mean(0), task.sizes)
    moment = np.full(USERS, EACH - 2)
    past = histories(events, np.arange(USERS), moment, EACH)
    later = [events.item[events.of(user)][EACH - 2 :] for user in range(USERS)]
    if not faithful:
        # A projection that ranks worse than the texts do.
        worst = np.diag([1.0] + [0.0] * (WIDTH - 1)).astype(np.float32)
        monkeypatch.setattr(beginning, "projection", lambda *_: worst)
        near = TEXTS @ TEXTS[past.item[:, -1]].T
        np.put_along_axis(near, past.item.T, -1, 0)
        later = [near[:, user].argsort()[-2:].astype(np.int32) for user in range(USERS)]
    queries = [Query(past.row(user), later[user]) for user in range(USERS)]
    begin_together(task, pretrained, events.before(EACH - 2), queries)
    weight = task.model.items.projection.weight.detach()
    assert torch.equal(weight, torch.eye(WIDTH)) != faithful
    assert task.projection is not None and torch.equal(task.projection, weight)
