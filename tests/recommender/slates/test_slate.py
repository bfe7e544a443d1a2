"""Options that decide places of the same list do not switch each other off."""

from __future__ import annotations

import pytest
from test_service import _pipeline, ids

from apps.recommender.exploration.explorer import Explorer
from apps.recommender.lists.item_rules import ItemRule
from apps.recommender.lists.rules import Rules
from apps.recommender.related.relations import Relations
from apps.recommender.service import RankingService

# What ada bought, and what goes with it, which would stand far below.
BOUGHT, ACCESSORY = 12, 50


@pytest.fixture(scope="module")
def relations() -> Relations:
    found = Relations()
    found.add(BOUGHT, ACCESSORY, "accessory")
    return found


def _rule(name: str, item: str, **more: object) -> ItemRule:
    said = {"name": name, "action": "force", "item_id": item, **more}
    return ItemRule.model_validate(said)


def test_exploring_leaves_the_complement_in_its_place(relations: Relations) -> None:
    plain = RankingService(_pipeline(), "m", relations=relations).recommend("ada", 5)
    assert ids(plain)[-1] == f"i{ACCESSORY}"
    for seed in range(12):
        service = RankingService(
            _pipeline(), "m", relations=relations, explorer=Explorer(1.0, seed)
        )
        rows = service.recommend("ada", 5)
        assert ids(rows)[-1] == f"i{ACCESSORY}"
        assert rows[-1].reasons[0].relation == "accessory"
        (explored,) = [row for row in rows if row.explored]
        assert explored.item_id not in ids(plain)
        assert [row.propensity for row in rows if not row.explored] == [0.75, 0.75, 0.75, 1.0]
        assert 1 / (4 * (explored.propensity or 1)) > 1


def test_without_chance_the_list_is_that_of_the_relations(relations: Relations) -> None:
    plain = RankingService(_pipeline(), "m", relations=relations).recommend("ada", 5)
    never = RankingService(_pipeline(), "m", relations=relations, explorer=Explorer(1e-12))
    assert ids(never.recommend("ada", 5)) == ids(plain)


def test_a_complement_takes_no_place_of_a_rule(relations: Relations) -> None:
    rules = Rules(rule=(_rule("one", "i40"), _rule("two", "i41")))
    service = RankingService(_pipeline(rules), "m", relations=relations)
    assert ids(service.recommend("ada", 2)) == ["i40", "i41"]
    first, second, third = service.recommend("ada", 3)
    assert [row.decided_by is not None for row in (first, second, third)] == [True, True, False]
    assert third.item_id == f"i{ACCESSORY}"


def test_an_item_that_a_rule_forces_does_not_give_way_to_its_successor() -> None:
    successors = Relations()
    successors.add(40, 43, "successor")
    successors.add(41, 44, "successor")
    rules = Rules(rule=(_rule("the old one is sold off", "i40"),))
    rows = RankingService(_pipeline(rules), "m", relations=successors).recommend("ada", 60)
    assert rows[0].item_id == "i40"
    assert "i41" not in ids(rows)
