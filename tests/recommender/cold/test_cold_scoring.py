from __future__ import annotations

import numpy as np
import torch
from torch import nn

from apps.recommender.catalogue.items import ALWAYS, build_catalogue
from apps.recommender.cold.scoring import (
    FEWEST_LISTS,
    SIGNALS,
    ColdItems,
    alone,
    choose_cold,
    fit_cold,
    text_alone,
)
from apps.recommender.comparison.comparison import TextScorer
from apps.recommender.interactions.events import histories, sorted_events
from apps.recommender.pipeline.cold import there
from apps.recommender.retrieval.towers import TowerModel, TowerSizes
from apps.recommender.schema import Item
from apps.recommender.task import item_vectors

ITEMS, WIDTH, DAY = 40, 6, 24 * 3600


def _towers(trained: bool) -> TowerModel:
    torch.manual_seed(0)
    towers = TowerModel(nn.Identity(), torch.ones(WIDTH) / 5, TowerSizes(width=8, history=10))
    if trained:
        nn.init.orthogonal_(towers.items.projection.weight)
        nn.init.normal_(towers.users.correct.weight)
    return towers.eval()


RANDOM = np.random.default_rng(0)
TEXTS = torch.from_numpy(RANDOM.normal(size=(ITEMS, WIDTH)).astype(np.float32))
EVENTS = sorted_events(
    np.repeat([0, 1], 5),
    RANDOM.integers(0, 20, 10),
    np.tile(np.arange(5), 2),
    np.arange(10) * DAY,
    np.ones(10),
    users=3,
)
UNKNOWN, NOTHING = np.full(ITEMS, np.nan), np.zeros(ITEMS, np.float32)
PAST = histories(EVENTS, np.array([0, 1]), np.array([20 * DAY, 20 * DAY]), 10)


def test_what_was_learned_is_taken_back_for_a_text_that_nobody_met() -> None:
    trained, untrained = _towers(trained=True), _towers(trained=False)
    items = item_vectors(trained, TEXTS).numpy()
    number = np.arange(20, ITEMS)
    cold = ColdItems(trained, items, number, UNKNOWN, NOTHING, text_alone())
    nothing = np.zeros((2, 2, WIDTH), np.float32)
    before = TextScorer(untrained, item_vectors(untrained, TEXTS).numpy())(PAST)
    np.testing.assert_allclose(cold.scores(PAST, nothing), before[:, 20:], atol=1e-5)


def test_candidates_are_the_best_that_are_not_barred() -> None:
    towers = _towers(trained=False)
    number = np.array([3, 8, 30])
    items = item_vectors(towers, TEXTS).numpy()
    cold = ColdItems(towers, items, number, UNKNOWN, NOTHING, text_alone())
    scores = np.array([[1.0, 3.0, 2.0]], np.float32)
    barred = np.zeros((1, ITEMS), np.bool_)
    barred[0, 8] = True
    assert cold.best(scores, barred, 3).tolist() == [[30, 3, -1]]
    found = cold.at(scores, np.array([[8, 5, 30, -1]], np.int32))
    assert found.tolist() == [[3.0, -np.inf, 2.0, -np.inf]]


def test_newness_counts_where_what_is_new_was_taken() -> None:
    lists = FEWEST_LISTS + 5
    signals = [RANDOM.normal(size=(30, len(SIGNALS))).astype(np.float32) for _ in range(lists)]
    newest = [one[:, 2] == one[:, 2].max() for one in signals]
    weights = fit_cold(signals, newest).weights
    assert weights[2] > 5 * max(weights[0], weights[1])
    assert fit_cold(signals[:5], newest[:5]).weights.tolist() == [1, 0, 0, 0]


def test_a_text_foretells_how_popular_its_item_will_be() -> None:
    """Items sell by one direction of their texts; nobody met the last twenty."""
    count, towers = 300, _towers(trained=True)
    texts = torch.from_numpy(RANDOM.normal(size=(count, WIDTH)).astype(np.float32))
    items = item_vectors(towers, texts).numpy()
    untrained = _towers(trained=False)
    sells = item_vectors(untrained, texts).numpy()[:, 0]
    popularity = np.where(np.arange(count) < count - 20, sells + 2, 0).astype(np.float32)
    number = np.arange(count - 20, count)
    cold = ColdItems(towers, items, number, np.full(count, np.nan), popularity, alone("foretold"))
    found = cold.scores(PAST, np.zeros((2, 2, WIDTH), np.float32))
    assert np.corrcoef(found[0], sells[number])[0, 1] > 0.99
    assert (found[0] == found[1]).all()


def test_of_few_items_nothing_is_foretold() -> None:
    towers = _towers(trained=False)
    items = item_vectors(towers, TEXTS).numpy()
    popularity = np.ones(ITEMS, np.float32)
    cold = ColdItems(towers, items, np.arange(20, ITEMS), UNKNOWN, popularity, alone("foretold"))
    nothing = np.zeros((2, 2, WIDTH), np.float32)
    assert np.isnan(cold.signals(PAST, nothing)[:, :, 3]).all()
    assert (cold.scores(PAST, nothing) == 0).all()


def test_what_was_learned_gives_way_to_the_signal_that_is_better_later() -> None:
    lists = FEWEST_LISTS + 5
    signals = [RANDOM.normal(size=(30, len(SIGNALS))).astype(np.float32) for _ in range(lists)]
    candidates = {name: alone(name) for name in SIGNALS}
    for n in (0, 3):
        taken = [one[:, n] == one[:, n].max() for one in signals]
        chosen, reached = choose_cold(candidates, signals, taken)
        assert chosen == SIGNALS[n] and reached[chosen] == 1
        assert max(reached[name] for name in SIGNALS if name != chosen) < 0.5
    assert choose_cold(candidates, signals[:5], taken[:5]) == (SIGNALS[0], {})


def test_what_was_made_later_was_not_there_yet() -> None:
    items = [
        Item(item_id=str(n), title="t", created_at=f"19{70 + n}-01-05T00:00:00Z") for n in range(30)
    ]  # type: ignore[arg-type]
    catalogue = build_catalogue(items)
    assert catalogue.created[0] != ALWAYS
    found = there(catalogue, EVENTS)
    assert found[0] and found[EVENTS.item].all()
    assert not found[20:].any()
