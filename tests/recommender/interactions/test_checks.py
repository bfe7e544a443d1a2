"""What is found about the margins of items before anything learns from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from apps.recommender.interactions.checks import check_items
from apps.recommender.schema import Item
from common.records.reader import Records


def _found(*items: dict[str, Any]) -> dict[str, int]:
    read = [Item(item_id=str(n), title=f"item {n}", **one) for n, one in enumerate(items)]
    file = Records(read, [f"items.csv:{n}" for n in range(len(read))], Path("items.csv"), "")
    return {one.code: one.count for one in check_items([file]) if "margin" in one.code}


def test_margins_that_are_missing_lost_or_above_the_price_are_told() -> None:
    items = ({"margin": 4, "price": 9}, {"margin": -1}, {}, {"margin": 12, "price": 9})
    assert _found(*items) == {"no_margin": 1, "negative_margin": 1, "margin_above_price": 1}
    assert _found({}, {"price": 3}) == {}


@pytest.mark.parametrize(
    ("margins", "price", "is_told"),
    [((0.2, 0.45), 90, True), ((0.2, 4.5), 90, False), ((0.2, 0.45), 2, False)],
)
def test_margins_that_look_like_shares_are_told(
    margins: tuple[float, ...], price: float, is_told: bool
) -> None:
    found = _found(*({"margin": one, "price": price} for one in margins))
    assert found == ({"margin_share": 2} if is_told else {})
