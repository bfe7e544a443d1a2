"""What goes with one item, over a small catalogue with vectors that are known."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import numpy as np
import pytest

from apps.recommender.catalogue.items import build_catalogue
from apps.recommender.interactions.events import Events, sorted_events
from apps.recommender.related.company import CompanyOfItems
from apps.recommender.related.items import Related, RelatedItems
from apps.recommender.related.relations import read_relations
from apps.recommender.retrieval.quantised import QuantisedSearch
from apps.recommender.schema import BEHAVIORS, Item, RelationName
from apps.recommender.server import WEB
from common.errors import UserError

# Item 0 is at 0°; what the others are at.
DEGREES = (0, 10, 14, 60, 100, 20)
CATALOGUE = build_catalogue(
    [
        Item(item_id=f"i{n}", title=f"标题{n}" if n == 5 else f"Title {n}", category="ab"[n == 1])
        for n in range(len(DEGREES))
    ]
)
CLICK, PURCHASE = BEHAVIORS.index("click"), BEHAVIORS.index("purchase")


def _events(rows: list[tuple[int, int, int, float]]) -> Events:
    user, item, behavior, weight = zip(*rows, strict=True)
    return sorted_events(
        np.array(user, np.int32),
        np.array(item, np.int32),
        np.array(behavior, np.int8),
        np.arange(len(rows)),
        np.array(weight, np.float32),
        users=9,
    )


# Three bought 0 and 3, two looked at 0 and 2, one bought 0 and 1; three did not like 0 and 5.
EVENTS = _events(
    [(u, i, PURCHASE, 1) for u in (0, 1, 2) for i in (0, 3)]
    + [(u, i, CLICK, 1) for u in (3, 4) for i in (0, 2)]
    + [(5, i, PURCHASE, 1) for i in (0, 1)]
    + [(u, i, CLICK, w) for u in (6, 7, 8) for i, w in ((0, 1), (5, 0))]
)


def _items(relations: str | None = None, folder: Path | None = None) -> RelatedItems:
    angles = np.deg2rad(DEGREES)
    prepared: Any = SimpleNamespace(
        catalogue=CATALOGUE,
        events=EVENTS,
        items=np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32),
        quantised=None,
    )
    path = None
    if relations is not None and folder is not None:
        path = folder / "relations.csv"
        path.write_text("item_id,other_id,relation\n" + relations, encoding="utf-8")
    return RelatedItems(prepared, read_relations(path, CATALOGUE))


ALL = np.ones(len(CATALOGUE), np.bool_)


def _ids(found: list[Related]) -> list[str]:
    return [one.item_id for one in found]


def test_what_is_near_is_similar_and_the_same_category_goes_before_what_is_a_little_nearer() -> (
    None
):
    found = _items().find(0, "similar", 9, ALL)
    assert _ids(found) == ["i2", "i5", "i1", "i3"], "i4 has nothing in common with it"
    assert found[0].score == pytest.approx(np.cos(np.deg2rad(14)), abs=1e-6)
    assert "same category" in found[0].reason
    assert "category" not in found[2].reason
    assert [one.rank for one in found] == [1, 2, 3, 4]


def test_what_is_not_allowed_is_not_shown() -> None:
    allowed = ALL.copy()
    allowed[[2, 3]] = False
    assert _ids(_items().find(0, "similar", 1, allowed)) == ["i5"]
    assert _ids(_items().find(0, "together", 9, allowed)) == []


def test_together_is_what_was_bought_and_then_what_was_looked_at_by_two_at_least() -> None:
    found = _items().find(0, "together", 9, ALL)
    assert _ids(found) == ["i3", "i2"]
    assert found[0].reason == "3 customers who bought “Title 0” bought this, too."
    assert found[1].reason.startswith("2 customers who looked at")
    # Three of three, of the four who bought it.
    assert found[0].score == pytest.approx(3 / np.sqrt(4 * 3) * 3 / 8)


def test_reasons_are_in_the_language_asked_for_or_the_items() -> None:
    assert _items().find(5, "similar", 1, ALL)[0].reason.startswith("内容相近")
    assert _items().find(0, "together", 1, ALL, "zh")[0].reason.startswith("买过“Title 0”的顾客")


def test_nobody_took_anything_with_what_nobody_met() -> None:
    assert _items().find(4, "together", 9, ALL) == []
    assert _items().find(4, "similar", 1, ALL), "by its text alone"


def test_the_shops_own_relations_come_first_and_are_named(tmp_path: Path) -> None:
    items = _items("i0,i4,successor\ni3,i0,substitute\ni0,i1,配件\n", tmp_path)
    similar = items.find(0, "similar", 4, ALL)
    assert [(one.item_id, one.relation) for one in similar] == [
        ("i4", "successor"), ("i3", "substitute"), ("i2", None), ("i5", None),
    ]  # fmt: skip
    together = items.find(0, "together", 2, ALL)
    assert [(one.item_id, one.relation) for one in together] == [("i1", "accessory"), ("i3", None)]
    assert together[0].score is None
    gone = ALL.copy()
    gone[4] = False
    assert _ids(items.find(0, "similar", 1, gone)) == ["i3"]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("i0,i44,successor", "relations.csv:2: there is no item 'i44'"),
        ("i0,i0,successor", "related to itself"),
        ("i0,i1,cousin", "relation"),
    ],
)
def test_a_wrong_relation_is_named_by_its_line(tmp_path: Path, row: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        _items(row + "\n", tmp_path)
    assert said in str(caught.value)


def test_of_an_item_that_everybody_knows_the_latest_customers_are_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("apps.recommender.related.company.MOST_CUSTOMERS", 2)
    met = CompanyOfItems(EVENTS, len(CATALOGUE)).of(0, bought=False)
    assert met.item.tolist() == [], "the latest two did not like the other"


@pytest.mark.parametrize("category", ["many", "few", "none"])
def test_what_is_read_from_bytes_is_the_same_as_what_is_read_in_full(category: str) -> None:
    count, random = 3000, np.random.default_rng(0)
    vectors = random.standard_normal((count, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    # Some items have the same text.
    vectors[count // 2 :: 3] = vectors[: count // 2 : 3]
    # Four categories, or one for every two items.
    of = {"many": "{}", "few": "rare {}", "none": ""}[category]
    size = 4 if category == "many" else count // 2
    catalogue = build_catalogue(
        [
            Item(item_id=str(n), title="title", category=of.format(n % size) or None)
            for n in range(count)
        ]
    )
    in_full: Any = SimpleNamespace(
        catalogue=catalogue, events=EVENTS, items=vectors, quantised=None
    )
    from_bytes: Any = SimpleNamespace(
        catalogue=catalogue, events=EVENTS, items=vectors, quantised=QuantisedSearch(vectors)
    )
    allowed = random.random(count) < 0.8
    for item in range(40):
        right = RelatedItems(in_full).find(item, "similar", 10, allowed)
        found = RelatedItems(from_bytes).find(item, "similar", 10, allowed)
        assert [(one.item_id, one.reason) for one in found] == [
            (one.item_id, one.reason) for one in right
        ]
        scores = [one.score for one in right]
        assert [one.score for one in found] == pytest.approx(scores, abs=1e-6)


def test_the_page_has_a_word_for_each_relation_in_both_languages() -> None:
    texts = (WEB / "texts.js").read_text(encoding="utf-8")
    said = re.findall(r"relations: \{(.*?)\}", texts)
    named = [set(re.findall(r"(\w+): '[^']+'", words)) for words in said]
    assert named == [{*get_args(RelationName)}] * 2
