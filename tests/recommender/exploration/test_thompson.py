"""Chance that favours what may be good, and says truly how probable each item was."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from test_explorer import FIRST, K, _ranked

from apps.recommender.exploration.explorer import Explorer
from apps.recommender.exploration.thompson import EVENLY, ThompsonSampling, open_thompson
from apps.recommender.interactions.behaviors import SHOWN, Behaviors
from apps.recommender.learning.reported import Event
from apps.recommender.learning.store import EventStore
from common.storage.database import Database

IDS = [str(number) for number in range(K + 5)]
# 3 is good, 4 is bad, 5 seems good by one showing; of the others nothing is known.
KNOWN = {"3": (200, 60), "4": (200, 2), "5": (1, 1)}


def _thompson() -> ThompsonSampling:
    thompson = ThompsonSampling(lambda: KNOWN)
    thompson.refresh()
    return thompson


def test_before_anything_is_known_all_are_alike() -> None:
    chances = ThompsonSampling(dict).chances(IDS, np.random.default_rng(0))
    assert chances.sum() == pytest.approx(1)
    assert chances == pytest.approx(1 / len(IDS), abs=0.06)


def test_what_was_taken_is_favoured_and_nothing_is_given_up() -> None:
    good, bad, lucky, unknown = _thompson().chances(IDS[3:7], np.random.default_rng(0))
    assert good > 0.4 and bad < unknown < good
    assert lucky < good, "one showing is little beside the mean of all"
    assert bad >= EVENLY / 4


def test_what_is_favoured_is_drawn_more_often_and_says_so() -> None:
    explorer, seen = Explorer(1.0, 3, _thompson().chances), Counter[int]()
    for _ in range(200):
        drawn = explorer.draw(_ranked(K + 5), FIRST, is_due=True, ids=IDS)
        assert drawn.explored is not None
        place = drawn.places[drawn.explored]
        seen[place] += 1
        propensity = drawn.propensity[drawn.explored]
        assert EVENLY / 5 / K <= propensity <= 1 / K
        assert place != 3 or propensity > 0.25 / K
    assert seen[3] > 3 * seen[4]


def test_by_the_propensities_that_are_told_every_item_counts_as_one() -> None:
    explorer, weights, draws = Explorer(1.0, 5, _thompson().chances), Counter[int](), 4_000
    for _ in range(draws):
        drawn = explorer.draw(_ranked(K + 5), FIRST, is_due=True, ids=IDS)
        assert drawn.explored is not None
        weights[drawn.places[drawn.explored]] += 1 / drawn.propensity[drawn.explored]
    # Of K places each, whether an item is favoured or not: that is what `off-policy` rests on.
    assert len(weights) == 5
    for item, weight in weights.items():
        assert weight / draws / K == pytest.approx(1, abs=0.3), item


def test_showings_by_chance_are_counted_and_no_others(tmp_path: Path) -> None:
    database, at = Database(tmp_path / "events.db"), time.time() - 7200
    store = EventStore(database, "recommender")
    same = {"source": "s", "user_id": "u", "at": at}

    def shown(name: str, propensity: float | None, item: str = "a") -> Event:
        return Event(
            id=name, impression_id=name, item_id=item, behavior=SHOWN, propensity=propensity, **same
        )

    done = {"item_id": "a", "impression_id": "1", **same}
    store.add(
        [
            *(shown("1", 0.01), shown("2", 0.01), shown("3", 0.02, "b")),
            # Its own place, without a propensity, and a moment ago.
            *(shown("4", 0.99), shown("5", None)),
            shown("6", 0.01).model_copy(update={"at": time.time()}),
            Event(id="c", behavior="click", **done),
            Event(id="p", behavior="purchase", **done),
            Event(id="d", behavior="dislike", **{**done, "impression_id": "2"}),
        ]
    )
    thompson = open_thompson(store, Behaviors)
    thompson.refresh()
    assert thompson._known == {"a": (2, 1), "b": (1, 0)}
    database.close()
