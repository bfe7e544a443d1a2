from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from apps.recommender.catalogue.items import build_catalogue
from apps.recommender.interactions.events import Events, sorted_events
from apps.recommender.interactions.timeline import Strategy, split_in_time
from apps.recommender.schema import Item
from common.errors import UserError

ITEMS = 30
CATALOGUE = build_catalogue([Item(item_id=str(n), title=f"item {n}") for n in range(ITEMS)])


def _events(users: int = 20, each: int = 25) -> Events:
    random = np.random.default_rng(0)
    count = users * each
    return sorted_events(
        random.integers(users, size=count).astype(np.int32),
        random.integers(ITEMS, size=count).astype(np.int32),
        np.ones(count, np.int8),
        np.sort(random.integers(1_000_000, size=count)),
        np.ones(count, np.float32),
        users=users,
    )


def test_each_stage_learns_from_later_events_than_the_one_before() -> None:
    events = _events()
    found = split_in_time(events, CATALOGUE, fold_in=3)
    ends = [found.towers, found.ranker.known, found.calibration.known, found.test.known]
    assert [len(one) for one in ends] == sorted(len(one) for one in ends)
    assert len(found.towers) == pytest.approx(0.7 * len(events), rel=0.02)
    for window in (found.ranker, found.calibration, found.test):
        assert window.past.time.max() < window.queries.training_before.min()
        assert (window.queries.as_of >= window.queries.training_before.min()).all()
    assert found.ranker.known.time.max() < found.calibration.queries.training_before.min()


def test_a_given_cutoff_is_where_the_test_begins() -> None:
    found = split_in_time(_events(), CATALOGUE, cutoff=800_000)
    assert set(found.test.queries.training_before.tolist()) == {800_000}
    assert found.test.past.time.max() < 800_000


def test_leave_one_out_asks_for_the_last_event_of_each_user() -> None:
    events = _events()
    found = split_in_time(events, CATALOGUE, strategy="leave-one-out")
    for user, moment in zip(found.test.queries.users, found.test.queries.as_of, strict=True):
        assert moment == events.time[events.of(int(user))][-1]


@pytest.mark.parametrize(("cutoff", "side"), [(-5, "before"), (2_000_000, "after")])
def test_a_cutoff_outside_the_data_is_refused(cutoff: int, side: str) -> None:
    with pytest.raises(UserError, match=f"no interaction lies {side} the cutoff"):
        split_in_time(_events(), CATALOGUE, cutoff=cutoff)


@pytest.mark.parametrize("strategy", ["global-time", "leave-one-out"])
def test_events_of_one_and_the_same_time_are_told_to_have_no_order(strategy: Strategy) -> None:
    at_once = replace(_events(), time=np.zeros(len(_events()), np.int64))
    with pytest.raises(UserError, match="which came first is not known"):
        split_in_time(at_once, CATALOGUE, strategy=strategy)


def test_an_order_alone_is_split_by_place() -> None:
    """Each user's events an hour apart, the last ones at the same hour: as games_6k is read."""
    events = _events()
    left = events.offsets[events.user + 1] - 1 - np.arange(len(events))
    ordered = replace(events, time=1_600_000_000 - 3600 * left)
    found = split_in_time(ordered, CATALOGUE, strategy="leave-one-out")
    assert (found.towers.counts() == ordered.counts() - 3).all()
    for window, places in ((found.ranker, 3), (found.calibration, 2), (found.test, 1)):
        assert (window.past.counts() == ordered.counts() - places).all()
        # What is counted, and learned from by neighbours, was there as of each query.
        assert window.past.time.max() < window.queries.as_of.min()


def test_too_little_time_is_refused() -> None:
    events = _events(users=2, each=1)
    with pytest.raises(UserError, match="leave-one-out"):
        split_in_time(events, CATALOGUE)
