"""A known user in a session: their own list, changed by what they just did."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from shop import always, serving
from test_service import SUBJECTS, _done, _pipeline, ids

from apps.recommender.interactions.ratings import RatingScale
from apps.recommender.interactions.recent import RecentEvents
from apps.recommender.lists.rules import Rules
from apps.recommender.server import build_app
from apps.recommender.service import RankingService

VIEWED = [{"item_id": f"i{n}", "behavior": "view"} for n in (1, 4, 7, 10, 13)]


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    app = build_app(always(RankingService(_pipeline(), "m")))
    with serving(app) as address, httpx.Client(base_url=address) as made:
        yield made


def _post(client: httpx.Client, **body: Any) -> list[dict[str, Any]]:
    reply = client.post("/v1/recommendations", json={"k": 10, **body})
    assert reply.status_code == 200, reply.text
    found: list[dict[str, Any]] = reply.json()["items"]
    return found


def _get(client: httpx.Client, user: str = "ada", **query: Any) -> list[str]:
    reply = client.get(f"/v1/recommendations/{user}", params=query)
    assert reply.status_code == 200, reply.text
    return [one["item_id"] for one in reply.json()["items"]]


def _ids(items: list[dict[str, Any]]) -> list[str]:
    return [one["item_id"] for one in items]


def _of_subject(found: list[str], subject: int) -> int:
    return sum(int(item[1:]) % SUBJECTS == subject for item in found)


def test_a_session_without_events_gets_the_list_of_the_user(client: httpx.Client) -> None:
    assert _ids(_post(client, user_id="ada", events=[])) == _get(client)


def test_what_was_just_done_changes_the_list_and_the_past_still_speaks(
    client: httpx.Client,
) -> None:
    own, both = _get(client), _ids(_post(client, user_id="ada", events=VIEWED))
    alone = _ids(_post(client, events=VIEWED))
    assert _of_subject(both, 1) > _of_subject(own, 1)
    assert both != alone
    # Who read so much is not new, and what they knew before stays out.
    rows = _post(client, user_id="ada", events=VIEWED[:1])
    assert not any(one["cold_user"] for one in rows)
    assert not {"i0", "i3", "i6", "i9", "i12", "i15", "i1"} & {*_ids(rows)}


def test_a_list_of_ones_own_holds_in_a_session(client: httpx.Client) -> None:
    assert sorted(_ids(_post(client, user_id="dora", events=VIEWED))) == ["i5", "i50"]


def test_a_history_is_all_that_is_gone_by_whoever_is_named(client: httpx.Client) -> None:
    history = [{**event, "timestamp": "2026-03-02T00:00:00Z"} for event in VIEWED]
    named = _ids(_post(client, user_id="ada", history=history))
    assert named == _ids(_post(client, history=history))


def test_what_is_reported_and_sent_counts_once() -> None:
    recent = RecentEvents()
    service = RankingService(_pipeline(), "m", recent)
    recent.add("1", _done("ada", "i1"))
    (reported,) = recent.of("ada")
    twice = service.recommend("ada", 10, since=[_done("ada", "i1", 101)])
    once = RankingService(_pipeline(), "m").recommend("ada", 10, since=[_done("ada", "i1", 101)])
    assert [(row.item_id, row.score) for row in twice] == [(row.item_id, row.score) for row in once]
    assert service.history("ada")[-1] == reported


def test_a_session_takes_no_opinion_back() -> None:
    recent = RecentEvents()
    ratings = RatingScale(mean=3.0, middle=3.0)
    service = RankingService(_pipeline(Rules(exclude_after=())), "m", recent, ratings=ratings)
    session = [_done("new", "i1", 101), _done("new", "i2", 101, "browse")]
    assert {"i1", "i2"} <= {*ids(service.recommend("new", 60, since=session))}
    recent.add("1", _done("new", "i1").model_copy(update={"rating": 1.0}))
    recent.add("2", _done("new", "i2", behavior="browse").model_copy(update={"weight": 0.0}))
    assert not {"i1", "i2"} & {*ids(service.recommend("new", 60, since=session))}


def test_the_list_of_a_user_takes_what_a_session_takes(client: httpx.Client) -> None:
    first = _get(client, k=5)
    assert not {*first[:2]} & {*_get(client, k=5, exclude=first[0], shown=first[1])}
    assert not {*first} & {*_get(client, k=5, exclude=first)}
    assert {int(one[1:]) % 3 for one in _get(client, k=9, categories=["b", "c"])} == {1, 2}
    assert _get(client, k=5, most_price=1) == first, "items without a price pass"


def test_what_was_shown_in_a_session_is_not_shown_again(client: httpx.Client) -> None:
    first = _get(client, k=5, session_id="s1")
    second = _get(client, k=5, session_id="s1")
    third = _ids(_post(client, user_id="ada", k=5, events=[], session_id="s1"))
    assert len({*first, *second, *third}) == 15
    assert _get(client, k=5) == first, "without a session nothing is kept"


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"categories": "gardens"}, "No item is of the category"),
        ({"most_price": -1}, "most_price"),
        ({"excluded": "i1"}, "excluded"),
    ],
)
def test_a_wrong_query_says_what_is_wrong(
    client: httpx.Client, query: dict[str, Any], said: str
) -> None:
    reply = client.get("/v1/recommendations/ada", params=query)
    assert reply.status_code == 422
    assert said in reply.text
