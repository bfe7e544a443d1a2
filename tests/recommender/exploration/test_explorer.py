"""How often what is shown where, beside what is said of it."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from apps.recommender.exploration.explorer import Explorer, parse_share, price
from apps.recommender.lists.ranked import Ranked
from common.errors import UserError

K, SHARE, DRAWS = 3, 0.4, 20_000
FIRST = [*range(K)]


def _ranked(items: int, rules: tuple[int, ...] = ()) -> Ranked:
    """A list of so many items; the first places may be put there by rules."""
    places = np.arange(items)[None]
    numbers = places.astype(np.float32)
    rule = np.full((1, items), -1, np.int16)
    rule[0, : len(rules)] = rules
    nothing = np.zeros((1, items), np.int8)
    return Ranked(
        item=places.astype(np.int32),
        score=-numbers,
        text_score=numbers,
        p_click=0.5 - numbers / 10,
        p_purchase=numbers,
        p_like=numbers,
        source=nothing,
        cold_item=nothing.astype(np.bool_),
        cold_user=np.zeros(1, np.bool_),
        rule=rule,
        reasons=[],
    )


@pytest.mark.parametrize("rules", [(), (0,)])
@pytest.mark.parametrize("chances", [None, [0.5, 0.3, 0.15, 0.05]])
def test_each_item_is_shown_as_often_as_its_propensity_says(
    rules: tuple[int, ...], chances: list[float] | None
) -> None:
    given = None if chances is None else lambda *_: np.array(chances)
    explorer, below = Explorer(SHARE, seed=1, chances=given), 4
    shown: Counter[tuple[int, int]] = Counter()
    said: dict[tuple[int, int], float] = {}
    for _ in range(DRAWS):
        is_due = explorer.is_due()
        ranked = _ranked(K + below if is_due else K + 1, rules)
        drawn = explorer.draw(ranked, FIRST, is_due=is_due, ids=[str(n) for n in range(K + 4)])
        for rank, (place, propensity) in enumerate(
            zip(drawn.places, drawn.propensity, strict=True)
        ):
            shown[rank, place] += 1
            assert said.setdefault((rank, place), propensity) == propensity
    free = K - len(rules)
    assert len(shown) == K + free * below, "every item from below at every free place"
    for pair, propensity in said.items():
        error = 4 * np.sqrt(propensity * (1 - propensity) / DRAWS)
        assert shown[pair] / DRAWS == pytest.approx(propensity, abs=error + 1e-12)


def test_the_price_is_what_the_probabilities_lose() -> None:
    explorer = Explorer(1)
    ranked = _ranked(K + 4)
    drawn = explorer.draw(ranked, FIRST, is_due=True)
    assert drawn.explored is not None
    lost = (drawn.places[drawn.explored] - drawn.explored) / 10
    assert price(ranked, drawn) == pytest.approx(lost)
    assert price(ranked, explorer.draw(ranked, FIRST, is_due=False)) is None


def test_what_has_nothing_below_it_is_certain() -> None:
    drawn = Explorer(1).draw(_ranked(2), [0, 1], is_due=True)
    assert (drawn.places, drawn.propensity, drawn.explored) == ([0, 1], [1, 1], None)


def test_the_same_seed_draws_the_same() -> None:
    explorers = [Explorer(0.5, seed) for seed in (7, 7, 8)]
    first, again, other = ([one.is_due() for _ in range(40)] for one in explorers)
    assert first == again != other


@pytest.mark.parametrize(("text", "share"), [("5%", 0.05), ("0.05", 0.05), ("100 %", 1.0)])
def test_a_share_is_read(text: str, share: float) -> None:
    assert parse_share("--explore", text) == pytest.approx(share)
    assert parse_share("--explore", None) is None


@pytest.mark.parametrize("text", ["5", "0", "-1%", "nan", "some"])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="--explore"):
        parse_share("--explore", text)
