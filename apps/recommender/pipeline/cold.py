"""How cold items are scored and how many places they get, learned on earlier stretches of time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from apps.recommender.catalogue.items import Catalogue
from apps.recommender.cold.places import STEPS, with_places
from apps.recommender.cold.scoring import (
    ROWS_AT_ONCE,
    ColdItems,
    alone,
    choose_cold,
    fit_cold,
    text_alone,
)
from apps.recommender.cold.together import fit_together, held_out, in_one_order, raised
from apps.recommender.evaluate import Evaluation
from apps.recommender.interactions.events import Events, Mask, histories
from apps.recommender.interactions.popularity import activity, lasting
from apps.recommender.interactions.timeline import Window
from apps.recommender.lists.affordable import choose_affordable
from apps.recommender.ranking.listwise import Linear
from apps.recommender.retrieval.towers import TowerModel
from apps.recommender.task import interests

FIGURE, OF_COLD = "ndcg@10", "cold_items/ndcg@10"
# On the odds of a cold item; at 0 it stands where it is as likely taken as the others there.
BONUSES = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0)


@dataclass(frozen=True)
class Places:
    """What cold items gain with `count` of the first ten places, and what it costs: means.

    With a `bonus` they have no places of their own, but stand in one order with all others.
    """

    count: int
    ndcg: float
    cold_ndcg: float
    bonus: float | None = None
    is_chosen: bool = False


@dataclass(frozen=True)
class Learned:
    """What cold items are ordered by, its name, and what it was chosen from.

    `reached`: by name, nDCG@10 of lists of cold items alone on a later window; empty where too few
    were taken to choose.
    """

    linear: Linear
    name: str
    reached: dict[str, float]


def there(catalogue: Catalogue, known: Events) -> Mask:
    """[items], what was in the catalogue by the end of `known`: made by then, or met."""
    met = np.bincount(known.item, minlength=len(catalogue)) > 0
    return np.asarray(met | (catalogue.created <= known.time.max()))


def learn_cold(
    towers: TowerModel,
    items: NDArray[np.float32],
    catalogue: Catalogue,
    windows: Sequence[Window],
    later: Window,
    length: int,
) -> Learned:
    """What made users take items that nobody had met when the windows began.

    What was learned has to order the cold items of a later window better than a single signal does.

    Args:
        items: [items, width], as the trained towers see them.
        later: the window after them.
        length: of histories.
    """
    fitted = fit_cold(*_seen(towers, items, catalogue, windows, length))
    candidates = {
        "all signals": fitted,
        "the untuned text": text_alone(),
        "the popularity foretold": alone("foretold"),
    }
    chosen, reached = choose_cold(candidates, *_seen(towers, items, catalogue, [later], length))
    return Learned(candidates[chosen], chosen, reached)


def _seen(
    towers: TowerModel,
    items: NDArray[np.float32],
    catalogue: Catalogue,
    windows: Sequence[Window],
    length: int,
) -> tuple[list[NDArray[np.float32]], list[Mask]]:
    """Of each query of some windows, the signals of all cold items, and which were taken."""
    signals, taken = [], []
    for window in windows:
        queries = window.queries
        number = np.flatnonzero(queries.cold_item & there(catalogue, window.known))
        cold = ColdItems(
            towers,
            items,
            number,
            catalogue.created_or_nan,
            lasting(activity(window.past, len(catalogue)).of_all(int(queries.as_of.min()))),
            text_alone(),
        )
        for start in range(0, len(queries), ROWS_AT_ONCE):
            part = slice(start, start + ROWS_AT_ONCE)
            past = histories(window.known, queries.users[part], queries.as_of[part], length)
            signals += list(cold.signals(past, interests(towers, items, past).numpy()))
            taken += [np.isin(number, relevant) for relevant in queries.relevant[part]]
    return signals, taken


def choose_places(
    scores: NDArray[np.float32],
    cold: NDArray[np.float32],
    taken: Mask,
    evaluate: Callable[[NDArray[np.float32]], Evaluation],
    max_ndcg_loss: float,
    asked: int | None = None,
) -> tuple[int, Linear | None, list[Places]]:
    """Where cold items are found best, at a cost of at most `max_ndcg_loss` of nDCG@10.

    That is one order of them and all others, with a bonus for them; its loss is bounded as
    `choose_affordable` has it, on lists that the order was not learned from.

    Args:
        scores, cold, taken: as of `fit_together`.
        evaluate: lists in the order of such scores.
        asked: how many of the first ten are kept for them instead, whatever that costs.

    Returns:
        The step of places that are kept, the order (None: as they are scored), and all that was
        tried, the ranking as it is first.
    """
    as_scored = evaluate(scores)
    tried = [_places(as_scored)] + [
        _places(evaluate(with_places(scores, cold, step)), count=count)
        for count, step in STEPS.items()
        if count
    ]
    order = fit_together(scores, cold, taken) if asked is None else None
    if order is None:
        return STEPS[asked or 0], None, _marked(tried, list(STEPS).index(asked or 0))
    folds = held_out(scores, cold, taken)

    def attempt(weight: float) -> tuple[NDArray[np.float64], float]:
        if not weight:
            return as_scored.metrics[FIGURE], tried[0].cold_ndcg
        bonus = BONUSES[int(weight) - 1]
        found = evaluate(_in_one_order(scores, cold, folds, bonus))
        tried.append(_places(found, bonus=bonus))
        return found.metrics[FIGURE], tried[-1].cold_ndcg

    chosen = int(choose_affordable(attempt, range(1 + len(BONUSES)), max_ndcg_loss).weight)
    if not chosen:
        return 0, None, _marked(tried, 0)
    return 0, raised(order, BONUSES[chosen - 1]), _marked(tried, len(STEPS) + chosen - 1)


def _marked(tried: Sequence[Places], chosen: int) -> list[Places]:
    return [replace(one, is_chosen=n == chosen) for n, one in enumerate(tried)]


def _in_one_order(
    scores: NDArray[np.float32],
    cold: NDArray[np.float32],
    folds: Sequence[tuple[NDArray[np.int64], Linear]],
    bonus: float,
) -> NDArray[np.float32]:
    """Each list in the order that was learned without its fold."""
    placed = np.empty_like(scores)
    for rows, order in folds:
        placed[rows] = in_one_order(scores[rows], cold[rows], raised(order, bonus))
    return placed


def _places(found: Evaluation, count: int = 0, bonus: float | None = None) -> Places:
    metrics = found.metrics
    return Places(count, float(metrics[FIGURE].mean()), _mean(metrics[OF_COLD]), bonus)


def _mean(values: NDArray[np.float64]) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else 0.0
