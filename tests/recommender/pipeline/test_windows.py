from __future__ import annotations

from popular_shop import SHOP

from apps.recommender.interactions.timeline import split_in_time
from apps.recommender.pipeline.windows import moments


def test_a_window_of_one_event_a_user_is_asked_about_once() -> None:
    """The same list again would be held out by a fold that learned from it."""
    last = split_in_time(SHOP.events, SHOP.catalogue, strategy="leave-one-out").ranker
    at_once = split_in_time(SHOP.events, SHOP.catalogue).ranker
    assert len(moments(last, SHOP.catalogue)) == 1
    assert len(moments(at_once, SHOP.catalogue)) > 1
