from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from apps.recommender.catalogue.items import Catalogue, build_catalogue
from apps.recommender.lists.diversity import rerank
from apps.recommender.lists.rules import Rules, read_rules
from apps.recommender.schema import BEHAVIORS, Item
from common.errors import UserError


@pytest.fixture
def catalogue() -> Catalogue:
    def item(item_id: str, category: str | None, tags: list[str], price: float | None) -> Item:
        return Item(item_id=item_id, title=item_id, category=category, tags=tags, price=price)

    return build_catalogue(
        [
            item("dune", "Fiction", ["space", "desert"], 20),
            item("foundation", "Fiction", ["space"], 30),
            item("solaris", "Fiction", ["Space"], None),
            item("soil", "Garden", ["desert"], 5),
            item("news", None, [], None),
            Item(item_id="gone", title="gone", available=False),
        ]
    )


def names(catalogue: Catalogue, **rules: Any) -> set[str]:
    allowed = Rules(**rules).allowed(catalogue)
    return {
        item_id for item_id, is_allowed in zip(catalogue.ids, allowed, strict=True) if is_allowed
    }


def test_what_may_be_recommended(catalogue: Catalogue) -> None:
    available = {"dune", "foundation", "solaris", "soil", "news"}
    assert names(catalogue) == available
    assert names(catalogue, available_only=False) == available | {"gone"}
    assert names(catalogue, minimum_price=20) == available - {"soil"}
    assert names(catalogue, maximum_price=20) == available - {"foundation"}
    assert names(catalogue, blocked_items=["dune", "unknown"]) == available - {"dune"}
    assert names(catalogue, blocked_categories=["fiction"]) == {"soil", "news"}
    assert names(catalogue, blocked_tags=["SPACE"]) == {"soil", "news"}
    assert catalogue.available.sum() == len(available), "the catalogue stays as it was"


def test_which_events_keep_an_item_away() -> None:
    behavior = np.arange(len(BEHAVIORS), dtype=np.int8)
    assert Rules().excludes(behavior).all()
    only_bought = Rules(exclude_after=("purchase",)).excludes(behavior)
    assert [BEHAVIORS[n] for n in np.flatnonzero(only_bought)] == ["purchase"]
    assert not Rules(exclude_after=()).excludes(behavior).any()


def ranked(catalogue: Catalogue, rules: Rules) -> list[str]:
    items = np.arange(5, dtype=np.int32)[None]
    vectors = np.zeros((6, 1), np.float32)
    order = rerank(items, -items.astype(float), vectors, 5, 0.0, caps=rules.caps(catalogue))
    return [catalogue.ids[place] for place in order[0] if place >= 0]


def test_limits_per_category_and_tag(catalogue: Catalogue) -> None:
    assert ranked(catalogue, Rules()) == ["dune", "foundation", "solaris", "soil", "news"]
    by_category = Rules(most_per_category=2)
    assert ranked(catalogue, by_category) == ["dune", "foundation", "soil", "news"]
    assert ranked(catalogue, Rules(most_per_tag=1)) == ["dune", "news"]
    assert ranked(catalogue, Rules(most_per_tag=2)) == ["dune", "foundation", "soil", "news"]


def test_a_catalogue_without_tags_has_nothing_to_limit() -> None:
    bare = build_catalogue([Item(item_id=str(n), title="bare") for n in range(6)])
    assert ranked(bare, Rules(most_per_tag=1, most_per_category=1)) == list("01234")


def test_blocked_names_that_nothing_has_are_told(catalogue: Catalogue) -> None:
    rules = Rules(
        blocked_items=["dune", "dunes"],
        blocked_categories=["FICTION", "Gardens"],
        blocked_tags=["Desert", "xyz"],
    )
    assert rules.without_effect(catalogue) == [
        "the blocked item 'dunes' is not among the items; did you mean 'dune'?",
        "the blocked category 'Gardens' is not among the items; did you mean 'Garden'?",
        "the blocked tag 'xyz' is not among the items",
    ]


def test_a_rules_file(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(
        'most_per_category = 3\nexclude_after = ["purchase"]\nblocked_tags = ["战争"]\n'
    )
    assert read_rules(path) == Rules(
        most_per_category=3, exclude_after=("purchase",), blocked_tags=("战争",)
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("most_per_categroy = 3", "Did you mean most_per_category?"),
        ("colour = 3", "Rules: available_only, exclude_after,"),
        ("most_per_tag = 0", "rule most_per_tag: Input should be greater than or equal to 1"),
        ('exclude_after = ["bought"]', "rule exclude_after: Input should be"),
        ("minimum_price = 5\nmaximum_price = 3", "no price is from 5 to 3"),
        ("minimum_price =", "broken TOML"),
    ],
)
def test_a_mistake_in_the_file_is_told(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(content)
    with pytest.raises(UserError) as error:
        read_rules(path)
    assert message in str(error.value)
    assert str(error.value).startswith(str(path))
