"""What facts say of items: complements, successors, and what else is needed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from apps.recommender.catalogue.items import build_catalogue
from apps.recommender.lists.circumstances import Circumstances
from apps.recommender.lists.item_rules import ItemRule
from apps.recommender.lists.rules import Rules
from apps.recommender.related.in_rankings import RelationsInRankings
from apps.recommender.related.relations import Relations, read_relations
from apps.recommender.schema import BEHAVIORS, Item, Reason, Recommendation
from common.errors import UserError

CATALOGUE = build_catalogue(
    [
        Item(item_id="v1", title="Vacuum One"),
        Item(item_id="v2", title="Vacuum Two"),
        Item(item_id="v3", title="Vacuum Three", available=False),
        Item(item_id="c", title="充电器"),
        Item(item_id="d", title="Dock"),
    ]
)
V1, V2, V3, CHARGER, DOCK = range(5)
CLICK, PURCHASE = BEHAVIORS.index("click"), BEHAVIORS.index("purchase")
FACTS = """subject,relation,object,valid_from
v2,successor of,Vacuum One,
v3,successor of,v2,
c,accessory of,Vacuum series,
v2,part of,Vacuum series,
d,requires,充电器,
d,accessory of,v1,2026-06-01
Vantor Motors,customer of,Orion,
"""


@pytest.fixture
def relations(tmp_path: Path) -> Relations:
    path = tmp_path / "knowledge.csv"
    path.write_text(FACTS, encoding="utf-8")
    path.with_suffix(".toml").write_text(
        '[chains]\n"accessory of" = [["accessory of", "has part"]]\n', encoding="utf-8"
    )
    return read_relations(path, CATALOGUE, datetime(2026, 5, 1, tzinfo=UTC))


@pytest.fixture
def told(relations: Relations) -> RelationsInRankings:
    return RelationsInRankings(relations, CATALOGUE)


def row(item_id: str) -> Recommendation:
    reason = Reason(kind="feature", text="Popular.", feature="x", strength=1)
    return Recommendation(
        user_id="u", item_id=item_id, rank=1, score=1, text_score=0, p_click=None, p_purchase=None,
        source="text", cold_user=False, cold_item=False, reasons=[reason], model_id="m",
        scored_at=datetime(2026, 5, 1, tzinfo=UTC),
    )  # fmt: skip


def test_facts_relate_items_by_id_and_title_and_by_what_follows(relations: Relations) -> None:
    assert relations.of(V1, "similar") == {V2: "successor"}
    assert relations.of(V2, "together") == {CHARGER: "accessory"}, "by the series that it is of"
    assert relations.of(DOCK, "together") == {CHARGER: "requires"}
    assert relations.of(V1, "together") == {}, "the dock fits from June on"


def test_facts_about_none_of_the_items_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "knowledge.csv"
    path.write_text("subject,relation,object\nA,accessory of,B\n", encoding="utf-8")
    with pytest.raises(UserError, match="no fact relates items"):
        read_relations(path, CATALOGUE)


def test_what_has_a_successor_that_may_be_shown_gives_way(told: RelationsInRankings) -> None:
    def allowed(rules: Rules) -> list[int]:
        way = Circumstances(giving_way=lambda found: told.giving_way(rules, found))
        return np.flatnonzero(rules.allowed(CATALOGUE, circumstances=way)).tolist()

    assert allowed(Rules(blocked_items=("d",))) == [V2, CHARGER], "the third is not to be had"
    assert allowed(Rules(blocked_items=("v2",))) == [V1, CHARGER, DOCK]


def test_an_item_that_a_campaign_forces_gives_way_before_and_after_it(
    told: RelationsInRankings,
) -> None:
    forced = {"name": "x", "action": "force", "item_id": "v1", "from": "2026-06-01T00:00:00Z"}
    rules = Rules(rule=(ItemRule.model_validate(forced),))
    begin = datetime(2026, 6, 1, tzinfo=UTC).timestamp()
    allowed = rules.allowed(CATALOGUE)
    assert told.giving_way(rules, allowed, begin) == []
    assert told.giving_way(rules, allowed, begin - 1) == [V1]
    assert told.giving_way(rules, allowed) == [V1]


def test_a_complement_of_what_was_bought_gets_the_last_place_if_it_has_none(
    told: RelationsInRankings,
) -> None:
    bought = {V2: PURCHASE}
    assert told.depth(2, bought) > 2
    assert told.places([V1, V3, DOCK, CHARGER, -1], 2, bought) == [0, 3]
    assert told.places([CHARGER, V1, DOCK], 2, bought) == [0, 1]
    assert told.places([V1, CHARGER], 1, bought) == [0], "never the only place"
    assert told.depth(2, {V2: CLICK}) == 2
    assert told.places([V1, V3, DOCK, CHARGER], 2, {V2: CLICK}) == [0, 1]


@pytest.mark.parametrize(
    ("item_id", "past", "language", "texts"),
    [
        (
            "c",
            {V2: PURCHASE},
            "en",
            ["An accessory of “Vacuum Two”, which you bought.", "Popular."],
        ),
        ("c", {V2: PURCHASE}, None, ["您买过的“Vacuum Two”的配件。", "Popular."]),
        ("c", {V2: CLICK}, "en", ["Popular."]),
        ("v2", {V1: CLICK}, None, ["The successor of “Vacuum One”, which you opened.", "Popular."]),
        ("d", {V2: CLICK}, "en", ["Popular.", "Needs “充电器” as well."]),
        ("d", {CHARGER: PURCHASE}, "en", ["Popular."]),
    ],
)
def test_reasons_name_what_it_goes_with_and_what_it_needs(
    told: RelationsInRankings,
    item_id: str,
    past: dict[int, int],
    language: str | None,
    texts: list[str],
) -> None:
    (found,) = told.with_reasons([row(item_id)], past, language)
    assert [one.text for one in found.reasons] == texts
