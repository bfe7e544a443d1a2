from __future__ import annotations

import gc
import weakref
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import torch
from torch import nn

from apps.recommender.catalogue.items import build_catalogue
from apps.recommender.catalogue.users import UserFeatures
from apps.recommender.data import Allowed
from apps.recommender.exploration.explorer import Explorer
from apps.recommender.interactions.events import sorted_events
from apps.recommender.interactions.recent import RecentEvents
from apps.recommender.lists.rules import Rules
from apps.recommender.pipeline.choices import Choices
from apps.recommender.pipeline.pipeline import Pipeline
from apps.recommender.pipeline.prepared import Prepared
from apps.recommender.retrieval.neighbours import learn_neighbours
from apps.recommender.retrieval.towers import TowerModel, TowerSizes
from apps.recommender.schema import BEHAVIORS, Interaction, Item, Recommendation
from apps.recommender.service import RankingService
from common.errors import UserError

ITEMS, WIDTH, SUBJECTS = 60, 8, 3
START = datetime(2026, 3, 1, tzinfo=UTC)
USERS = ("ada", "bo", "chen", "dora")


def _pipeline(rules: Rules | None = None) -> Pipeline:
    """Untrained towers over items of three subjects; ada and chen read of the first."""
    random = np.random.default_rng(0)
    catalogue = build_catalogue(
        [Item(item_id=f"i{n}", title=f"Title {n}", category="abc"[n % 3]) for n in range(ITEMS)]
    )
    center = np.eye(WIDTH)[np.arange(ITEMS) % SUBJECTS] + random.normal(size=(ITEMS, WIDTH)) / 8
    vectors = (center / np.linalg.norm(center, axis=1, keepdims=True)).astype(np.float32)
    user = np.repeat([0, 1, 2], 6).astype(np.int32)
    events = sorted_events(
        user,
        np.array([0, 3, 6, 9, 12, 15, 1, 4, 7, 2, 5, 8, 0, 3, 6, 18, 21, 24], np.int32),
        np.tile(np.arange(6, dtype=np.int8) % 5, 3),
        np.arange(18) * 3600 + int(START.timestamp()),
        np.ones(18, np.float32),
        users=len(USERS),
    )
    prepared = Prepared(
        catalogue=catalogue,
        items=vectors,
        user_ids=list(USERS),
        languages=["en", None, "zh", None],
        events=events,
        features=UserFeatures(["age"], np.array([[30], [40], [50], [60]], np.float32)),
        allowed=Allowed(np.ones(ITEMS, np.bool_), {3: np.array([5, 50], np.int32)}),
        neighbours=learn_neighbours(events, catalogue),
        as_of=int(START.timestamp()) + 17 * 3600,
    )
    towers = TowerModel(nn.Identity(), torch.zeros(WIDTH), TowerSizes(width=8, history=10)).eval()
    return Pipeline(towers, prepared, Choices(rules=rules or Rules(), history=10))


@pytest.fixture(scope="module")
def service() -> RankingService:
    return RankingService(_pipeline(), "release-1")


def ids(rows: list[Recommendation]) -> list[str]:
    return [row.item_id for row in rows]


def subjects(rows: list[Recommendation]) -> list[int]:
    return [int(row.item_id[1:]) % SUBJECTS for row in rows]


def _done(user: str, item: str, hours: float = 100.0, behavior: str = "click") -> Interaction:
    at = START + timedelta(hours=hours)
    said = {"user_id": user, "item_id": item, "timestamp": at, "behavior": behavior}
    return Interaction.model_validate(said)


def test_what_was_just_done_moves_the_next_ranking() -> None:
    recent = RecentEvents()
    service = RankingService(_pipeline(), "m", recent)
    before = [one.item_id for one in service.recommend("ada", 10)]
    for hours, item in enumerate(("i1", "i4", "i7", "i10", "i13", "i16", "i19", "i22", "i25")):
        recent.add(item, _done("ada", item, 100.0 + hours, "purchase"))
    after = [one.item_id for one in service.recommend("ada", 10)]
    subject = [int(item[1:]) % SUBJECTS for item in after]
    assert subject.count(1) > [int(item[1:]) % SUBJECTS for item in before].count(1)
    # What was bought is not shown again, and the history has it last.
    assert not {"i1", "i4", "i25"} & set(after)
    assert [event.item_id for event in service.history("ada")][-2:] == ["i22", "i25"]


def test_a_user_of_whom_only_events_are_known_gets_a_ranking() -> None:
    recent = RecentEvents()
    service = RankingService(_pipeline(), "m", recent)
    assert not service.knows("new")
    recent.add("1", _done("new", "i2"))
    recent.add("2", _done("new", "not in the catalogue"))
    assert service.knows("new")
    assert [one.user_id for one in service.recommend("new", 3)] == ["new"] * 3
    assert [event.item_id for event in service.history("new")] == ["i2"]


def test_what_the_data_holds_already_does_not_count_twice() -> None:
    recent = RecentEvents()
    service = RankingService(_pipeline(), "m", recent)
    read = service.history("ada")
    for number, event in enumerate(read):
        recent.add(str(number), event)
    assert service.history("ada") == read


def test_who_was_heard_of_longest_ago_is_forgotten_first() -> None:
    recent = RecentEvents(most_users=2, most_events=3)
    for number in range(5):
        recent.add(f"a{number}", _done("ada", f"i{number}", float(number)))
    for user in ("bo", "chen", "bo"):
        recent.add(user, _done(user, "i1"))
    assert recent.of("ada") == []
    assert len(recent.of("bo")) == 1
    for number in range(5):
        recent.add(f"b{number}", _done("bo", f"i{number}", float(number)))
    assert [event.item_id for event in recent.of("bo")] == ["i2", "i3", "i4"]


def test_a_history_ends_before_the_moment_that_is_ranked_for(service: RankingService) -> None:
    history = service.history("ada")
    assert [event.item_id for event in history] == ["i0", "i3", "i6", "i9", "i12", "i15"]
    assert [event.behavior for event in history] == [*BEHAVIORS, BEHAVIORS[0]]
    assert history[1].timestamp == START + timedelta(hours=1)
    assert len(service.history("chen")) == 5
    assert service.history("dora") == []


def test_a_ranking_follows_the_history(service: RankingService) -> None:
    rows = service.recommend("ada", 10)
    assert [row.rank for row in rows] == list(range(1, 11))
    assert {row.model_id for row in rows} == {"release-1"}
    assert {row.user_id for row in rows} == {"ada"}
    assert {row.p_click for row in rows} == {None}, "nothing was calibrated"
    assert subjects(rows) == [0] * 10
    assert not set(ids(rows)) & {event.item_id for event in service.history("ada")}
    assert not any(row.cold_user for row in rows)
    assert "Similar to" in rows[0].reasons[0].text
    assert [row.score for row in rows] == sorted((row.score for row in rows), reverse=True)


def test_reasons_are_in_the_language_asked_for_or_the_users(service: RankingService) -> None:
    assert "内容相近" in service.recommend("chen", 1)[0].reasons[0].text
    assert "Similar" in service.recommend("chen", 1, language="en")[0].reasons[0].text
    assert "内容相近" in service.recommend("ada", 1, language="zh")[0].reasons[0].text


def test_more_diversity_gives_more_subjects(service: RankingService) -> None:
    assert service.diversity == 0
    assert len(set(subjects(service.recommend("ada", 6, diversity=0.9)))) > 1


def test_a_user_with_a_list_of_their_own_gets_nothing_else(service: RankingService) -> None:
    assert sorted(ids(service.recommend("dora", 10))) == ["i5", "i50"]


def _interaction(item: str, behavior: str = "click", hours: float = 1) -> Interaction:
    when = START + timedelta(hours=hours)
    return Interaction(user_id="eve", item_id=item, behavior=behavior, timestamp=when)


def test_somebody_new_is_ranked_by_the_history_given(service: RankingService) -> None:
    rows = service.recommend_for([_interaction("i1"), _interaction("i4", hours=900)], 10)
    assert subjects(rows)[:5] == [1] * 5
    assert not {"i1", "i4"} & set(ids(rows))
    assert {row.user_id for row in rows} == {"eve"}
    assert all(row.cold_user for row in rows)


def test_what_was_not_liked_is_kept_out_and_speaks_for_nothing(service: RankingService) -> None:
    liked, disliked = _interaction("i1"), _interaction("i2", hours=2)
    disliked.weight = 0
    rows = service.recommend_for([liked, disliked], 10)
    assert subjects(rows)[:5] == [1] * 5
    assert "i2" not in ids(rows)
    reasons = [reason.item_id for row in rows for reason in row.reasons]
    assert "i1" in reasons
    assert "i2" not in reasons


def test_exploring_changes_one_place_and_states_how_probable_each_was() -> None:
    pipeline = _pipeline()
    plain = RankingService(pipeline, "release-1").recommend("ada", 5)
    assert {row.propensity for row in plain} == {None}
    never = RankingService(pipeline, "release-1", explorer=Explorer(1e-12)).recommend("ada", 5)
    assert ids(never) == ids(plain)
    always = RankingService(pipeline, "release-1", explorer=Explorer(1.0)).recommend("ada", 5)
    (explored,) = [n for n in range(5) if ids(always)[n] != ids(plain)[n]]
    assert [row.explored for row in always] == [n == explored for n in range(5)]
    assert ids(always)[explored] not in ids(plain)
    assert [row.rank for row in always] == [1, 2, 3, 4, 5]
    below = round(1 / (5 * always[explored].propensity))
    assert below > 1
    assert {row.propensity for n, row in enumerate(always) if n != explored} == {0.8}
    assert not {"i0", "i3", "i6", "i9", "i12", "i15"} & set(ids(always)), "what ada knows"


def test_what_is_barred_makes_room_for_others(service: RankingService) -> None:
    first = ids(service.recommend_for([_interaction("i1")], 5))
    barred = np.array([service.catalogue.number[one] for one in first], np.int32)
    second = ids(service.recommend_for([_interaction("i1")], 5, barred=barred))
    assert len(second) == 5
    assert not set(first) & set(second)


def test_the_same_history_gets_the_same_ranking(service: RankingService) -> None:
    known = service.recommend("ada", 10)
    assert ids(service.recommend_for(service.history("ada"), 10)) == ids(known)


def test_without_a_history_what_is_popular_comes_first(service: RankingService) -> None:
    rows = service.recommend_for([], 5)
    assert ids(rows)[0] in {"i0", "i3", "i6"}
    assert all(row.cold_user for row in rows)


def test_rules_are_kept() -> None:
    rules = Rules(exclude_after=("purchase",), most_per_category=2, blocked_items=("i18",))
    service = RankingService(_pipeline(rules), "release-1")
    rows = service.recommend("ada", 20)
    assert len(rows) == 6
    assert "i18" not in ids(rows)
    assert "i12" not in ids(service.recommend_for([_interaction("i12", "purchase")], 20))
    assert "i12" in ids(service.recommend_for([_interaction("i12", "browse")], 20))


def test_who_or_what_is_not_known_is_named(service: RankingService) -> None:
    with pytest.raises(UserError, match="there is no user 'nobody'"):
        service.recommend("nobody", 5)
    with pytest.raises(UserError, match="there is no user 'nobody'"):
        service.history("nobody")
    with pytest.raises(UserError, match="there is no item 'gone'"):
        service.recommend_for([_interaction("gone")], 5)


def test_one_that_nobody_uses_any_more_is_gone_at_once() -> None:
    pipeline = _pipeline()
    held = weakref.ref(pipeline)
    service = RankingService(pipeline, "release-1")
    service.recommend("ada", 5)
    gc.disable()
    try:
        del service, pipeline
        assert held() is None
    finally:
        gc.enable()
