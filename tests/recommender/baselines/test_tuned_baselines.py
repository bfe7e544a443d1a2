from __future__ import annotations

import numpy as np

from apps.recommender.baselines.counting import Popularity
from apps.recommender.baselines.tuning import families, tune_baselines
from apps.recommender.catalogue.items import build_catalogue
from apps.recommender.evaluate import evaluate_baselines
from apps.recommender.interactions.events import Events, sorted_events
from apps.recommender.interactions.queries import build_queries
from apps.recommender.schema import Item

DAY = 24 * 3600
ITEMS = 60
CATALOGUE = build_catalogue([Item(item_id=str(n), title=f"item {n}") for n in range(ITEMS)])


def _fashions() -> Events:
    """Every ten days all turn to the next ten items; early on there were more users."""
    random = np.random.default_rng(0)
    rows = []
    for day in range(60):
        for user in random.permutation(100)[: 60 - day // 2]:
            rows.append((user, day // 10 * 10 + random.integers(10), day * DAY + user))
    user, item, time = (np.array(column) for column in zip(*rows, strict=True))
    return sorted_events(user, item, np.zeros(len(rows)), time, np.ones(len(rows)), users=100)


def test_the_setting_that_serves_best_before_the_cutoff_is_taken() -> None:
    events = _fashions()
    cutoff = 55 * DAY
    past = events.before(cutoff)
    earlier = build_queries(past, CATALOGUE, 45 * DAY)
    found = tune_baselines([[Popularity(100), Popularity(4)]], past, CATALOGUE, earlier)
    assert [one.name for one in found] == ["popularity, 4 days"]
    queries = build_queries(events, CATALOGUE, cutoff)
    late, ever = evaluate_baselines([*found, Popularity()], events, CATALOGUE, queries)
    assert late.metrics["ndcg@10"].mean() > ever.metrics["ndcg@10"].mean()


def test_one_of_each_family_comes_back_in_order() -> None:
    events = _fashions()
    vectors = np.random.default_rng(0).normal(size=(ITEMS, 4)).astype(np.float32)
    every = families(vectors)
    queries = build_queries(events, CATALOGUE, 45 * DAY)
    found = tune_baselines(every, events, CATALOGUE, queries)
    assert len(found) == len(every)
    assert all(one in family for one, family in zip(found, every, strict=True))
    assert len({one.name for one in found}) == len(found)
