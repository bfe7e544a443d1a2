from __future__ import annotations

from datetime import datetime

from popular_shop import SHOP

from apps.recommender.interactions.timeline import split_in_time
from apps.recommender.record import facts, flattering


def _begins(data: dict) -> int:
    return int(datetime.fromisoformat(data["begins"]["test"]).timestamp())


def test_figures_of_what_was_learned_from_are_told_to_flatter() -> None:
    data = facts(SHOP, split_in_time(SHOP.events, SHOP.catalogue))
    assert flattering(data, _begins(data)) is None
    told = flattering(data, _begins(data) - 1)
    assert told is not None and data["begins"]["test"] in told
    assert flattering(data, int(SHOP.events.time.max())) is None


def test_who_left_one_out_of_each_user_learned_from_others_later() -> None:
    timeline = split_in_time(SHOP.events, SHOP.catalogue, strategy="leave-one-out")
    data = facts(SHOP, timeline)
    assert data["learned_to"] > data["begins"]["test"]
    assert flattering(data, _begins(data)) is not None
    del data["learned_to"]
    assert flattering(data, _begins(data)) is None, "a release of before does not know it"
