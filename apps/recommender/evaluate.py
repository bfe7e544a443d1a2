"""How good ranked lists are for what users did next, among all items, none left out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apps.recommender.baselines.counting import Baseline
from apps.recommender.catalogue.items import Catalogue
from apps.recommender.interactions.events import (
    Events,
    Histories,
    Impressions,
    Int32,
    Int64,
    Mask,
    histories,
)
from apps.recommender.interactions.queries import Queries
from apps.recommender.retrieval.top_k import best_of_rows
from common.console import progress
from common.errors import UserError
from common.evaluation import ranking
from common.evaluation.compare import Difference, paired_bootstrap
from common.evaluation.fairness import ByGroup, by_group, mean_of

Floats = NDArray[np.float64]
Scores = NDArray[np.float32]
Scorer = Callable[[Histories], Scores]

PLACES = 50
DEPTHS = (5, 10, PLACES)
# Places of a list that people look at: coverage, diversity, novelty and Gini are of these.
SHOWN = 10
BLOCK_ROWS = 256
BLOCK_CELLS = 2**23
MEASURES = {
    "ndcg": ranking.ndcg_at_k,
    "recall": ranking.recall_at_k,
    "mrr": ranking.reciprocal_rank_at_k,
}


@dataclass(frozen=True)
class Evaluation:
    """Figures of one method's lists.

    Attributes:
        figures: `ndcg@10`, `recall@50`, `mrr@5` …, one value a query, NaN where it has none. With
            `cold_users/` before the name, of cold users alone; with `cold_items/`, where only cold
            items are relevant.
        lists: `coverage`, `diversity`, `novelty`, `gini` of the first ten places.
    """

    name: str
    metrics: Mapping[str, Floats]
    lists: Mapping[str, float]


def rank_all(scores: Scores, seen: Mask | None = None, k: int = PLACES) -> Int32:
    """[rows, k], the unseen items with the highest scores; equal ones by their number.

    Args:
        scores: [rows, items]; NaN and -inf are not ranked.
        seen: [rows, items], what is left out.

    Returns:
        Item numbers, -1 where a row has fewer than `k`.
    """
    excluded = np.isnan(scores) if seen is None else seen | np.isnan(scores)
    # -0.0 becomes 0.0, to which it is equal.
    ranked, _ = best_of_rows(np.where(excluded, np.float32(-np.inf), scores) + np.float32(0), k)
    return ranked


def seen_items(events: Events, users: Int64, as_of: Int64, items: int) -> Mask:
    """[rows, items], what each of `users` [rows] has events with before its `as_of` [rows]."""
    seen = np.zeros((len(users), items), np.bool_)
    for row, (user, moment) in enumerate(zip(users, as_of, strict=True)):
        own = events.of(int(user))
        seen[row, events.item[own][events.time[own] < moment]] = True
    return seen


def rank_queries(
    scorer: Scorer, events: Events, queries: Queries, *, k: int = PLACES, length: int = PLACES
) -> Int32:
    """[queries, k], the best unseen items by `scorer`, which sees the last `length` events."""
    items = len(queries.known_by)
    ranked = np.empty((len(queries), k), np.int32)
    for block in _blocks(len(queries), items):
        users, as_of = queries.users[block], queries.as_of[block]
        scores = scorer(histories(events, users, as_of, length))
        rank = _rank_alike if scores.strides[0] == 0 else rank_all
        ranked[block] = rank(scores, seen_items(events, users, as_of, items), k)
    return ranked


def _rank_alike(scores: Scores, seen: Mask, k: int) -> Int32:
    """As `rank_all`, of scores that are the same for all rows: these are ordered once."""
    order = rank_all(scores[:1], k=k + int(seen.sum(1).max(initial=0)))[0]
    free = (order >= 0) & ~seen[:, order]
    place = np.cumsum(free, 1)
    ranked = np.full((len(scores), k), -1, np.int32)
    row, column = np.nonzero(free & (place <= k))
    ranked[row, place[row, column] - 1] = order[column]
    return ranked


def _blocks(rows: int, items: int) -> list[slice]:
    size = max(1, min(BLOCK_ROWS, BLOCK_CELLS // max(items, 1)))
    return [slice(start, start + size) for start in range(0, rows, size)]


def evaluate_lists(
    name: str, ranked: Int32, queries: Queries, *, vectors: Scores | None = None
) -> Evaluation:
    """Figures of `ranked` [queries, places].

    Args:
        vectors: [items, width], by which the diversity of a list is measured, if at all.
    """
    shown, known_by = ranked[:, :SHOWN], queries.known_by
    lists = {
        "coverage": ranking.coverage(shown, len(known_by)),
        "novelty": _mean(ranking.novelty(shown, known_by, queries.trained_users)),
        "gini": ranking.gini(np.bincount(shown[shown >= 0], minlength=len(known_by))),
    }
    if vectors is not None:
        lists["diversity"] = _mean(ranking.intra_list_diversity(shown, vectors))
    metrics = _metrics(ranked, queries.relevant)
    cold_items = _metrics(ranked, [i[queries.cold_item[i]] for i in queries.relevant])
    cold_users = {n: np.where(queries.cold_user, v, np.nan) for n, v in metrics.items()}
    metrics |= {f"cold_users/{n}": values for n, values in cold_users.items()}
    metrics |= {f"cold_items/{n}": values for n, values in cold_items.items()}
    return Evaluation(name, metrics, lists)


def evaluate_baselines(
    baselines: Sequence[Baseline],
    events: Events,
    catalogue: Catalogue,
    queries: Queries,
    *,
    vectors: Scores | None = None,
) -> list[Evaluation]:
    """Fit each baseline on what lies before the cutoff, and rank all items by it."""
    training = events.before(queries.training_before)
    found = []
    with progress("baselines", len(baselines)) as advance:
        for baseline in baselines:
            baseline.fit(training, catalogue)
            ranked = rank_queries(baseline.scores, events, queries)
            found.append(evaluate_lists(baseline.name, ranked, queries, vectors=vectors))
            advance(note=baseline.name)
    return found


def _metrics(ranked: Int32, relevant: Sequence[Int32]) -> dict[str, Floats]:
    found = ranking.hits(ranked, relevant)
    count = np.array([len(items) for items in relevant], np.int64)
    return {
        f"{name}@{k}": measure(found, count, k)
        for k in DEPTHS
        for name, measure in MEASURES.items()
    }


def summarise(evaluation: Evaluation) -> dict[str, float]:
    """Means of all metrics, by their names; what no query has is left out."""
    known = {n: v for n, v in evaluation.metrics.items() if not np.isnan(v).all()}
    return {**{name: _mean(values) for name, values in known.items()}, **evaluation.lists}


def _mean(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def compare(
    model: Evaluation, baselines: Sequence[Evaluation], metric: str = "ndcg@10"
) -> dict[str, Difference]:
    """What the model gains over each baseline in `metric`, with its interval, by name.

    A win is claimed only where `low` is above zero. Queries that lack the figure are left out; if
    all do, there is nothing to compare.
    """
    after = model.metrics[metric]
    known = ~np.isnan(after)
    if not known.any():
        return {}
    return {b.name: paired_bootstrap(b.metrics[metric][known], after[known]) for b in baselines}


def compare_groups(
    model: Evaluation, members: Sequence[Collection[str]], metric: str | None = None
) -> ByGroup:
    """A metric of each query, by the groups that it belongs to.

    Raises:
        UserError: there is no such metric, or there are no two groups.
    """
    name = metric or "ndcg@10"
    if name not in model.metrics:
        raise UserError(
            f"--figure {name}: there is none", hint=f"There are: {', '.join(model.metrics)}"
        )
    values = model.metrics[name]
    return by_group(name, mean_of(values), members, counts=~np.isnan(values))


def impression_areas(scores: Scores, impressions: Impressions) -> dict[str, float]:
    """`auc` over all rows, and `user_auc`: its mean over the users who took some, not all."""
    everybody = np.zeros(len(scores), np.int64)
    whole = ranking.area_by_group(scores, impressions.label, everybody)
    single = ranking.area_by_group(scores, impressions.label, impressions.user)
    return {"auc": _mean(whole), "user_auc": _mean(single)}
