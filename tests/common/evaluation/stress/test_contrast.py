"""Pairs that must be decided otherwise: both texts right, or not."""

from __future__ import annotations

import pytest

from common.errors import UserError
from common.evaluation.stress.contrast import Consistency, contrast
from common.evaluation.stress.stress_cli import show_stress

RIGHT = [(True, True), (True, False), (False, False), (True, True)]


def test_a_pair_counts_where_both_of_its_texts_are_right() -> None:
    found = contrast(RIGHT, {"pattern": ["loss", "loss", None, "rumour"]})
    assert found.all == Consistency(4, 0.5, 5 / 8, 1.0, 0.5)
    assert found.groups["pattern"] == {
        "loss": Consistency(2, 0.5, 0.75, 1.0, 0.5),
        "rumour": Consistency(1, 1.0, 1.0, 1.0, 1.0),
    }
    assert found.to_json()["groups"]["pattern"]["loss"]["both"] == 0.5


def test_pairs_on_which_the_model_abstains_are_counted_apart() -> None:
    kinds = {"pattern": ["loss", "loss", "rumour", "loss"]}
    found = contrast(RIGHT, kinds, [True, False, False, True])
    assert (found.all.both, found.all.decided, found.all.both_decided) == (0.5, 0.5, 1.0)
    rumour = found.groups["pattern"]["rumour"]
    assert (rumour.decided, rumour.both_decided) == (0.0, None)


def test_no_pairs_are_no_figure() -> None:
    with pytest.raises(UserError, match="no pairs"):
        contrast([], {})


def test_a_pattern_in_brackets_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    found = contrast(RIGHT, {"pattern": ["[/loss]", "[bold]", None, None]})
    show_stress([], "r", None, as_json=False, pairs=found)
    shown = capsys.readouterr().out
    assert "[/loss]" in shown
    assert "[bold]" in shown
