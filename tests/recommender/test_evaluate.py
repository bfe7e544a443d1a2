from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from apps.recommender.baselines.counting import Popularity
from apps.recommender.baselines.reading import Bm25
from apps.recommender.catalogue.items import Catalogue, build_catalogue
from apps.recommender.evaluate import (
    compare,
    evaluate_baselines,
    evaluate_lists,
    impression_areas,
    rank_all,
    rank_queries,
    summarise,
)
from apps.recommender.interactions.events import Events, Histories, Impressions, sorted_events
from apps.recommender.interactions.queries import build_queries
from apps.recommender.schema import Item

ITEMS = 6


def _catalogue() -> Catalogue:
    return build_catalogue([Item(item_id=str(n), title=f"item {n}") for n in range(ITEMS)])


def _events(rows: list[tuple[int, int, int]], users: int) -> Events:
    user, item, time = (np.array(column) for column in zip(*rows, strict=True))
    same = np.ones(len(rows))
    return sorted_events(user, item, same, time, same, users=users)


# User 0 spans the cutoff at 10, user 1 begins after it, user 2 ends before it.
ROWS = [
    *[(0, 0, 1), (0, 1, 2), (0, 0, 11), (0, 2, 12), (0, 2, 13), (0, 5, 30)],
    *[(1, 1, 14), (1, 3, 15), (1, 4, 15), (1, 0, 16)],
    *[(2, 3, 3), (2, 4, 4)],
]


def test_what_is_right_is_what_a_user_newly_met_after_the_cutoff() -> None:
    queries = build_queries(_events(ROWS, 4), _catalogue(), 10, fold_in=2)
    assert queries.users.tolist() == [0, 1]
    # User 1 is asked after two events; the third bears the time of the second.
    assert queries.as_of.tolist() == [10, 16]
    assert [items.tolist() for items in queries.relevant] == [[2, 5], [0]]
    assert queries.known_by.tolist() == [1, 1, 0, 1, 1, 0]
    assert queries.trained_users == 2
    assert queries.cold_item.tolist() == [False, False, True, False, False, True]
    assert queries.cold_item_share == pytest.approx(2 / 3)
    assert queries.cold_user.tolist() == [True, True]


def test_nothing_of_a_new_user_is_trained_on() -> None:
    events = _events(ROWS, 4)
    queries = build_queries(events, _catalogue(), 10, fold_in=2)
    assert set(events.before(queries.training_before).user.tolist()) == {0, 2}


def test_the_end_bounds_what_is_right() -> None:
    queries = build_queries(_events(ROWS, 4), _catalogue(), 10, 16, fold_in=2)
    assert queries.users.tolist() == [0]
    assert queries.relevant[0].tolist() == [2]


def test_a_new_user_with_too_few_events_is_not_asked() -> None:
    queries = build_queries(_events(ROWS, 4), _catalogue(), 10, fold_in=5)
    assert queries.users.tolist() == [0]


def test_a_new_user_can_be_asked_before_the_first_event() -> None:
    queries = build_queries(_events(ROWS, 4), _catalogue(), 10, fold_in=0)
    assert queries.as_of.tolist() == [10, 14]
    assert queries.relevant[1].tolist() == [1, 3, 4, 0]


def test_a_cutoff_for_each_user_leaves_one_out() -> None:
    events = _events(ROWS, 4)
    last = np.array([30, 16, 4, 99])
    queries = build_queries(events, _catalogue(), last)
    assert queries.users.tolist() == [0, 1, 2]
    assert [items.tolist() for items in queries.relevant] == [[5], [0], [4]]
    assert len(events.before(queries.training_before)) == len(events) - 3


def test_no_events_ask_nothing() -> None:
    nothing = np.empty(0)
    events = sorted_events(nothing, nothing, nothing, nothing, nothing, users=3)
    queries = build_queries(events, _catalogue(), 10)
    assert len(queries) == 0
    assert queries.cold_item_share == 0.0


def test_all_items_are_ranked_but_the_seen_ones() -> None:
    scores = np.array([[0.1, 0.9, -0.5, 0.9, 0.0, -0.0]], np.float32)
    assert rank_all(scores, k=6)[0].tolist() == [1, 3, 0, 4, 5, 2]
    seen = np.zeros((1, ITEMS), bool)
    seen[0, [1, 4]] = True
    assert rank_all(scores, seen, k=3)[0].tolist() == [3, 0, 5]
    assert rank_all(scores, seen, k=6)[0].tolist() == [3, 0, 5, 2, -1, -1]
    scores[0, 3] = np.nan
    assert rank_all(scores, k=6)[0].tolist() == [1, 0, 4, 5, 2, -1]


def test_full_ranking_agrees_with_sorting() -> None:
    random = np.random.default_rng(0)
    scores = random.integers(-30, 30, (20, 4000)).astype(np.float32)
    assert (rank_all(scores, k=50) == np.argsort(-scores, axis=1, kind="stable")[:, :50]).all()


def _oracle(histories: Histories) -> np.ndarray:
    """Knows that item 5 comes, then 2; sees that nothing later is in a history."""
    assert ((histories.time < histories.as_of[:, None]) | (histories.item < 0)).all()
    return np.tile(np.array([9, 8, 1, 3, 4, 5], np.float32), (len(histories), 1))


def test_a_method_is_asked_with_the_past_alone_and_seen_items_are_left_out() -> None:
    events = _events(ROWS, 4)
    queries = build_queries(events, _catalogue(), 10, fold_in=2)
    ranked = rank_queries(_oracle, events, queries, k=4)
    assert ranked.tolist() == [[5, 4, 3, 2], [0, 5, 2, -1]]
    evaluation = evaluate_lists("oracle", ranked, queries)
    assert evaluation.metrics["mrr@10"].tolist() == [1.0, 1.0]
    assert evaluation.metrics["recall@5"].tolist() == [1.0, 1.0]
    assert evaluation.metrics["cold_items/recall@5"][0] == 1.0
    assert np.isnan(evaluation.metrics["cold_items/recall@5"][1])
    means = summarise(evaluation)
    assert means["cold_items/mrr@10"] == 1.0
    assert means["cold_users/mrr@10"] == 1.0
    assert means["coverage"] == pytest.approx(5 / 6)
    assert "diversity" not in means


def test_baselines_are_fitted_on_the_past_and_ranked_in_full() -> None:
    events = _events(ROWS, 4)
    queries = build_queries(events, _catalogue(), 10, fold_in=2)
    vectors = np.eye(ITEMS, dtype=np.float32)
    found = evaluate_baselines(
        [Popularity(), Bm25()], events, _catalogue(), queries, vectors=vectors
    )
    assert [one.name for one in found] == ["popularity", "BM25"]
    # Before the cutoff items 0, 1, 3, 4 have one user each; user 1 has seen 1, 3 and 4.
    assert found[0].metrics["mrr@10"].tolist() == [1 / 3, 1.0]
    assert found[0].lists["diversity"] == pytest.approx(1.0)


def test_a_group_that_is_empty_has_no_figures() -> None:
    events = _events([(0, n % ITEMS, n) for n in range(5)] + [(0, 5, 20)], 1)
    queries = build_queries(events, _catalogue(), 10)
    ranked = np.array([[5, -1]], np.int32)
    known = evaluate_lists("m", ranked, queries)
    assert not [name for name in summarise(known) if name.startswith("cold_users")]
    assert compare(known, [known], "cold_users/ndcg@10") == {}
    assert compare(known, [known], "cold_items/ndcg@10")["m"].records == 1


def test_a_win_needs_an_interval_that_excludes_zero() -> None:
    random = np.random.default_rng(0)
    users, right = 200, random.integers(50, size=200)
    rows = [(u, 60, 1) for u in range(users)] + [(u, int(right[u]), 20) for u in range(users)]
    catalogue = build_catalogue([Item(item_id=str(n), title="x") for n in range(61)])
    queries = build_queries(_events(rows, users), catalogue, 10)

    def method(name: str, share: float) -> np.ndarray:
        first = np.where(random.random(users) < share, right, 55)
        return evaluate_lists(name, first[:, None], queries)

    model = method("model", 0.6)
    found = compare(model, [method("weak", 0.2), method("like it", 0.6)])
    assert found["weak"].low > 0
    assert not found["like it"].is_clear
    assert found["weak"].after == pytest.approx(model.metrics["ndcg@10"].mean())


def test_areas_of_what_was_shown() -> None:
    shown = Impressions(
        impression=np.array([0, 0, 0, 1, 1, 2]),
        user=np.array([0, 0, 0, 0, 0, 1]),
        item=np.array([2, 3, 5, 4, 2, 1]),
        label=np.array([0, 0, 1, 1, 0, 0]),
        time=np.array([12, 12, 12, 13, 13, 14]),
    )
    scores = np.array([1, 3, 5, 4, 1, 8], np.float32)
    areas = impression_areas(scores, shown)
    assert areas["auc"] == pytest.approx(roc_auc_score(shown.label, scores))
    assert areas["user_auc"] == 1.0


def test_scores_that_are_the_same_for_all_rank_as_any_others() -> None:
    """Ties, what is no number and what each user knows included; 0 for -0 too."""
    events = _events(ROWS, 4)
    queries = build_queries(events, _catalogue(), 10, fold_in=2)
    alike = np.array([0.5, np.nan, -0.0, 0.0, 0.5, -np.inf], np.float32)

    def shared(past: Histories) -> np.ndarray:
        return np.broadcast_to(alike, (len(past), ITEMS))

    for k in (2, 4, 9):
        one_by_one = rank_queries(lambda past: shared(past).copy(), events, queries, k=k)
        assert (rank_queries(shared, events, queries, k=k) == one_by_one).all()
