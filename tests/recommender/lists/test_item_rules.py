"""Rules about items in the lists of a pipeline."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from apps.recommender.catalogue.items import Catalogue, build_catalogue
from apps.recommender.lists.diversity import Cap
from apps.recommender.lists.item_rules import ItemRule, Pin, decide, put_first
from apps.recommender.lists.rules import Rules, read_rules
from apps.recommender.schema import Item
from common.errors import UserError


@pytest.fixture
def catalogue() -> Catalogue:
    rows = [
        ("dune", "Dune", "Fiction"),
        ("kites", "Kites for children", "Games"),
        ("战争", "战争与和平", "Fiction"),
        ("chess", "Chess for children", "Games"),
    ]
    return build_catalogue([Item(item_id=i, title=t, category=c) for i, t, c in rows])


def rule(name: str, action: str, **more: object) -> ItemRule:
    return ItemRule.model_validate({"name": name, "action": action, **more})


CHILDREN = {"when": {"any": ["children"]}}


def test_the_first_rule_decides_on_an_item(catalogue: Catalogue) -> None:
    rules = [
        rule("chess first", "force", item_id="chess"),
        rule("no children", "forbid", **CHILDREN),
        rule("no war", "forbid", when={"any": ["战争"], "language": "zh"}),
        rule("games", "force", when={"any": ["kites"], "category": "games"}, most=2),
    ]
    decided = decide(rules, catalogue)
    assert decided.forbidden.tolist() == [-1, 1, 2, -1]
    found = decided.pins(rules, np.ones(4, np.float32))
    said = [(pin.rule, pin.items.tolist(), pin.most) for pin in found]
    assert said == [(0, [3], 1), (3, [], 2)], "the kites are forbidden before they are forced"
    allowed = Rules(rule=tuple(rules))
    assert allowed.allowed(catalogue).tolist() == [True, False, False, True]
    assert decided.kept_out(rules) == {"no children": 1, "no war": 1}
    assert allowed.without_effect(catalogue) == []


def test_what_is_pinned_comes_first_and_counts_for_the_caps() -> None:
    items = np.array([[0, 1, 2, 3, -1]], np.int32)
    scores = np.array([[0.9, 0.8, 0.7, 0.6, -np.inf]], np.float32)
    order = np.array([[0, 1, 2, 3]], np.int32)
    pinned = [Pin(5, np.array([3, 2], np.int32), 1), Pin(6, np.array([3, 2], np.int32), 1)]
    found, by = put_first(order, items, scores, pinned, 3, [])
    assert found.tolist() == [[2, 3, 0]]
    assert by.tolist() == [[5, 6, -1]]
    cap = Cap(np.array([[0], [1], [0], [0]], np.int32), 1)
    found, by = put_first(order, items, scores, pinned, 3, [cap])
    assert found.tolist() == [[2, 3, 1]], "the group of 0 is full"
    assert by.tolist() == [[5, 6, -1]]


def test_a_slot_is_kept_whatever_else_comes_first() -> None:
    items = np.array([[0, 1, 2, 3, 4]], np.int32)
    scores = np.array([[0.9, 0.8, 0.7, 0.6, 0.5]], np.float32)
    order = np.array([[0, 1, 2]], np.int32)
    slot, same, first = (
        Pin(5, np.array([3], np.int32), 1, position=2),
        Pin(6, np.array([4], np.int32), 1, position=2),
        Pin(7, np.array([2], np.int32), 1),
    )
    found, by = put_first(order, items, scores, [slot], 3, [])
    assert (found.tolist(), by.tolist()) == ([[0, 3, 1]], [[-1, 5, -1]])
    found, by = put_first(order, items, scores, [slot, same, first], 5, [])
    assert found.tolist() == [[2, 3, 4, 0, 1]], "the later one of the same slot stands behind"
    assert by.tolist() == [[7, 5, 6, -1, -1]]
    found, _ = put_first(order, items, scores, [slot], 1, [])
    assert found.tolist() == [[0]], "a list that is shorter has no such place"


NEVER_FORCED = """
action = "forbid"
item_id = "a"

[[rule]]
name = "s"
action = "force"
item_id = "a"
until = 2026-01-01
"""
MIDNIGHT = datetime(2026, 6, 1, tzinfo=UTC).timestamp()
CAMPAIGN = """
[[rule]]
name = "summer"
action = "force"
item_id = "dune"
position = 2
from = 2026-06-01
until = 2026-06-30

[[rule]]
name = "and then no more"
action = "forbid"
item_id = "dune"
from = 2026-07-01T00:00:00Z

[[rule]]
name = "chess, too"
action = "force"
item_id = "chess"
"""


def test_a_campaign_holds_from_its_first_day_through_its_last(
    tmp_path: Path, catalogue: Catalogue
) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(CAMPAIGN, encoding="utf-8")
    rules = read_rules(path)
    day = 86_400
    assert rules.in_force(MIDNIGHT - 1) == (False, False, True)
    for moment in (MIDNIGHT, MIDNIGHT + 30 * day - 1):
        assert rules.in_force(moment) == (True, False, True)
    assert rules.in_force(MIDNIGHT + 30 * day) == (False, True, True)
    assert rules.in_force(None) == (False, False, True), "without a moment nothing dated holds"
    (pin, _) = decide(rules.rule, catalogue, MIDNIGHT).pins(rules.rule, np.ones(4, np.float32))
    assert (pin.rule, pin.items.tolist(), pin.position) == (0, [0], 2)
    later = decide(rules.rule, catalogue, MIDNIGHT + 40 * day)
    assert later.kept_out(rules.rule) == {"and then no more": 1}
    assert Rules.model_validate(rules.model_dump(mode="json")) == rules, "as a release keeps them"


def test_a_rule_about_nothing_is_told(catalogue: Catalogue) -> None:
    rules = Rules(
        rule=(
            rule("a", "forbid", item_id="dunes"),
            rule("b", "force", when={"any": ["opera"]}),
            rule("c", "rename", label="Game", to="Play"),
        )
    )
    assert rules.without_effect(catalogue) == [
        "the rule 'a' is about none of the items; did you mean 'dune'?",
        "the rule 'b' is about none of the items",
        "the rule 'c' renames no category of the items; did you mean 'Games'?",
    ]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ('action = "route"\nto = "desk"\nwhen = {any = ["x"]}', "goes to no person"),
        ('action = "force"', "force takes when or item_id"),
        ('action = "forbid"\nitem_id = "a"\nmost = 2', "most does not go with forbid"),
        ('action = "force"\nitem_id = "a"\nmost = 0', "rules.toml:6: rule 'r': most"),
        ('action = "forbid"\nitem_id = "a"\nposition = 2', "position does not go with forbid"),
        ('action = "rename"\nlabel = "a"\nto = "b"\nfrom = 2026-01-01', "from does not go with"),
        ('action = "force"\nitem_id = "a"\nmost = 2\nposition = 2', "it takes no most"),
        ('action = "force"\nitem_id = "a"\nuntill = 2026-01-01', "Did you mean until?"),
        (
            'action = "force"\nitem_id = "a"\nfrom = 2026-02-01\nuntil = 2026-01-01',
            "it ends before it begins",
        ),
        (NEVER_FORCED, "'s' contradicts 'r'"),
    ],
)
def test_a_rule_without_sense_is_refused(tmp_path: Path, written: str, message: str) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(f'most_per_tag = 3\n\n[[rule]]\nname = "r"\n{written}\n', encoding="utf-8")
    if "most = 0" in written:
        message = message.replace(":6:", ":7:")
    with pytest.raises(UserError) as error:
        read_rules(path)
    assert message in str(error.value)


def test_old_and_new_stand_in_one_file(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(
        'most_per_category = 3\n[[rule]]\nname = "r"\naction = "force"\nitem_id = "a"\n'
    )
    rules = read_rules(path)
    assert rules.most_per_category == 3
    assert Rules.model_validate(rules.model_dump(mode="json")) == rules, "as a release keeps them"
    assert hash(rules)
