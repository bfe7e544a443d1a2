from __future__ import annotations

import numpy as np
import pytest

from common.errors import UserError
from common.evaluation.compare import holm
from common.evaluation.fairness import ByGroup, by_group, mean_of, summarised


def _compared(shares: dict[str, float], size: int, seed: int = 0) -> ByGroup:
    random = np.random.default_rng(seed)
    right = np.concatenate([random.random(size) < share for share in shares.values()])
    members = [(name,) for name in shares for _ in range(size)]
    return by_group("right", mean_of(right), members)


def test_the_group_that_fares_worse_is_named_and_no_other() -> None:
    found = _compared({"en": 0.9, "zh": 0.9, "other": 0.6}, 150)
    worse = {one.name for one in found.groups if one.stands_out and (one.difference or 0) < 0}
    assert worse == {"other"}
    (other,) = (one for one in found.groups if one.name == "other")
    assert other.low is not None
    assert other.high is not None
    assert other.low < 0.6 < other.high
    assert "worse" in [str(cell) for cell in found.table().columns[-1].cells]


def test_among_many_equal_groups_chance_is_seldom_taken_for_more() -> None:
    shares = {f"group {number}": 0.8 for number in range(8)}
    alarms = sum(any(g.stands_out for g in _compared(shares, 30, seed).groups) for seed in range(8))
    assert alarms <= 1


def test_holm_adjusts_for_the_number_of_groups_and_keeps_the_order() -> None:
    adjusted = holm({"a": 0.01, "b": 0.04, "c": 0.03})
    assert adjusted == {
        "a": pytest.approx(0.03),
        "c": pytest.approx(0.06),
        "b": pytest.approx(0.06),
    }


def test_few_records_are_shown_but_not_compared() -> None:
    members = [("many",)] * 20 + [("few",)] * 3
    found = by_group("right", mean_of([1.0] * 23), members)
    few, many = found.groups
    assert (few.value, few.low, few.p) == (1.0, None, None)
    assert many.low == 1.0
    assert many.p is None


def test_what_has_no_groups_or_no_figure_is_refused() -> None:
    with pytest.raises(UserError, match="no record tells"):
        by_group("right", mean_of([1.0, 0.0]), [(), ()])
    with pytest.raises(UserError, match="cannot give"):
        by_group("right", mean_of([np.nan, np.nan]), [("a",), ("b",)])
    with pytest.raises(UserError, match="wrong_name"):
        summarised(lambda rows: {"share": 1.0}, [1, 2], "wrong_name")


def test_any_figure_of_a_summary_can_be_compared() -> None:
    figure = summarised(lambda rows: {"largest": max(rows)}, [3.0, 1.0, 2.0], "largest")
    assert figure(np.array([1, 2])) == 2.0


def test_records_without_the_figure_do_not_make_a_group_large_enough() -> None:
    """One user of ten has it: its interval would be from .5 to .5."""
    values = np.array([0.5, *[np.nan] * 9, *np.linspace(0, 1, 50)])
    members = [("few",)] * 10 + [("many",)] * 50
    few, many = by_group("auc", mean_of(values), members, counts=~np.isnan(values)).groups
    assert (few.records, few.value, few.low, few.p) == (1, 0.5, None, None)
    assert many.records == 50
    assert many.low is not None
