"""A rating that is reported says what it says in a file."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from test_service import START, _pipeline, ids

from apps.recommender.data import Sources, read_dataset
from apps.recommender.interactions.behaviors import Behaviors
from apps.recommender.interactions.ratings import RatingScale
from apps.recommender.interactions.recent import RecentEvents
from apps.recommender.learning.recent import interaction_of
from apps.recommender.learning.reported import Event
from apps.recommender.lists.rules import Rules
from apps.recommender.service import RankingService

STARS = RatingScale(mean=3.6, middle=3.0)
AT = START.timestamp() + 400_000


def _event(item: str, behavior: str = "rate", rating: float | None = None, at: float = AT) -> Event:
    return Event(
        id=f"{item}-{behavior}-{at}", at=at, source="s", user_id="ada", item_id=item,
        behavior=behavior, rating=rating,
    )  # fmt: skip


def _service(*events: Event, user: str = "ada", ratings: RatingScale = STARS) -> RankingService:
    recent = RecentEvents()
    for event in events:
        recent.add(
            event.id, interaction_of(event.model_copy(update={"user_id": user}), Behaviors())
        )
    # Nothing that was done keeps an item out.
    return RankingService(_pipeline(Rules(exclude_after=())), "m", recent, ratings=ratings)


@pytest.mark.parametrize("user", ["ada", "new"])
def test_what_was_bought_and_then_rated_badly_is_not_recommended_again(user: str) -> None:
    bought = _event("i1", "purchase")
    assert "i1" in ids(_service(bought, user=user).recommend(user, 60))
    rated = _event("i1", rating=1, at=AT + 60)
    assert "i1" not in ids(_service(bought, rated, user=user).recommend(user, 60))
    praised = _event("i1", rating=5, at=AT + 60)
    assert "i1" in ids(_service(bought, praised, user=user).recommend(user, 60))


def test_a_good_rating_speaks_for_its_like_and_a_bad_one_for_nothing() -> None:
    good = _service(*(_event(f"i{n}", rating=5, at=AT + n) for n in (1, 4, 7, 10)))
    bad = _service(*(_event(f"i{n}", rating=1, at=AT + n) for n in (1, 4, 7, 10)))
    assert (good.past("ada").item[0] == 1).any()
    assert not np.isin(bad.past("ada").item[0], [1, 4, 7, 10]).any()


@pytest.mark.parametrize("user", ["ada", "new"])
def test_a_rating_beside_no_others_says_nothing_yet(user: str) -> None:
    service = _service(_event("i1", rating=1), user=user, ratings=RatingScale())
    assert not (service.past(user).item[0] == 1).any()


def test_reported_and_read_from_a_file_weigh_the_same(tmp_path: Path) -> None:
    done = [
        ("i0", "rating", 5.0), ("i1", "rating", 1.0), ("i2", "rating", 4.0), ("i3", "like", None),
        ("i4", "dislike", None), ("i5", "add_to_cart", None), ("i6", "rating", 2.5),
    ]  # fmt: skip
    items, rows = tmp_path / "items.jsonl", tmp_path / "i.jsonl"
    items.write_text(
        "\n".join(json.dumps({"item_id": name, "title": name}) for name, _, _ in done), "utf-8"
    )
    rows.write_text(
        "\n".join(
            json.dumps(
                {
                    "user_id": "ada",
                    "item_id": item,
                    "behavior": behavior,
                    "rating": rating,
                    "timestamp": datetime.fromtimestamp(AT + n, UTC).isoformat(),
                }
            )
            for n, (item, behavior, rating) in enumerate(done)
        ),
        "utf-8",
    )
    dataset = read_dataset(Sources([rows], [items]))
    read = dict(zip(dataset.events.item.tolist(), dataset.events.weight.tolist(), strict=True))
    for item, behavior, rating in done:
        one = interaction_of(_event(item, behavior, rating), Behaviors())
        live = dataset.ratings.weight(one.rating, one.weight)
        assert live == pytest.approx(read[dataset.catalogue.number[item]]), item
    assert sorted(read.values())[:3] == [0, 0, 0]
