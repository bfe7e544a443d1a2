from __future__ import annotations

import numpy as np
import pytest

from common.errors import RefusedError
from common.tuning.federated.agreement import View, judge
from common.tuning.federated.contribution import WIDTH, sketch_of

SIZE, CLIPPING = 5000, 10.0
DRAW = np.random.default_rng(0)
COMMON = DRAW.normal(size=SIZE)


def _unit(values: np.ndarray) -> np.ndarray:
    return values / np.linalg.norm(values)


def _honest() -> np.ndarray:
    """With something in common, and more of its own."""
    return 4 * _unit(0.7 * _unit(COMMON) + _unit(DRAW.normal(size=SIZE)))


def _rows(*, swapped: bool = False) -> dict[tuple[str, str], np.ndarray]:
    rows = np.eye(4) + 0.1 * DRAW.normal(size=(4, 4))
    rows = np.roll(rows, 1, axis=0) if swapped else rows
    return {("intents", str(n)): _unit(row) for n, row in enumerate(rows)}


def _views(**poisoned: View) -> dict[str, View]:
    honest = {name: View(_honest(), _rows()) for name in ("a", "b", "c")}
    return honest | poisoned


def test_honest_parties_take_part() -> None:
    judged = judge(_views(), CLIPPING, sketched=False)
    assert not any(one.left_out for one in judged.values())
    assert all(one.rows is not None and one.rows > 0.9 for one in judged.values())


@pytest.mark.parametrize(
    ("body", "rows", "why"),
    [
        (_unit(DRAW.normal(size=SIZE)) * 4, {}, "pulls elsewhere"),
        (-_honest(), {}, "pulls elsewhere"),
        (_honest() * 10, {}, "above the bound"),
        (np.full(SIZE, np.nan), {}, "above the bound"),
        (np.zeros(SIZE), {}, "pulls elsewhere"),
        (_honest(), _rows(swapped=True), "labels for others"),
    ],
    ids=["noise", "turned round", "scaled", "no number", "nothing", "labels swapped"],
)
def test_a_poisoned_one_is_left_out_and_no_other(
    body: np.ndarray, rows: dict[tuple[str, str], np.ndarray], why: str
) -> None:
    judged = judge(_views(bad=View(body, rows)), CLIPPING, sketched=False)
    assert why in judged["bad"].left_out
    assert [party for party, one in judged.items() if one.left_out] == ["bad"]


def test_a_row_that_would_drown_the_others_is_left_out() -> None:
    judged = judge(_views(bad=View(_honest(), _rows(), largest=5.0)), CLIPPING, sketched=False)
    assert "direction of length 5" in judged["bad"].left_out


def test_where_half_disagree_nobody_is_believed() -> None:
    noise = {n: View(_unit(DRAW.normal(size=SIZE)) * 20, {}) for n in ("x", "y", "z")}
    with pytest.raises(RefusedError, match="half of the contributions"):
        judge(_views(**noise), CLIPPING, sketched=False)


def test_where_nobody_agrees_with_anybody_nobody_is_blamed() -> None:
    views = {n: View(_unit(DRAW.normal(size=SIZE)), {}) for n in ("x", "y", "z")}
    with pytest.raises(RefusedError, match="agree on nothing"):
        judge(views, CLIPPING, sketched=True)


def test_a_sketch_is_linear_and_tells_agreement() -> None:
    one, other = ({"w": _honest().reshape(50, 100)} for _ in range(2))
    both = {"w": one["w"] + other["w"]}
    first, second = sketch_of(one, 1), sketch_of(other, 1)
    np.testing.assert_allclose(sketch_of(both, 1), first + second, atol=1e-9)
    exact = _unit(one["w"].ravel()) @ _unit(other["w"].ravel())
    assert abs(_unit(first) @ _unit(second) - exact) < 5 / np.sqrt(WIDTH)
