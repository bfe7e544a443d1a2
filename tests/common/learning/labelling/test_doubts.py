from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from common.errors import UserError
from common.learning.labelling.doubts import Field, Labelled, doubts_table, find_doubts

LABELS = ("card", "loan")


def _encode(texts: Sequence[str]) -> np.ndarray:
    """A direction for each label that the text begins with, and a little of its own."""
    random = np.random.default_rng(0)
    centres = {"card": np.eye(8)[0], "loan": np.eye(8)[1]}
    rows = [centres[text.split()[0]] + random.normal(scale=0.1, size=8) for text in texts]
    return np.array(rows, np.float32)


def _records(wrong: int, place: str | None) -> list[Labelled]:
    rows = []
    for number in range(60):
        name = LABELS[number % 2]
        given = LABELS[(number + 1) % 2] if number < wrong else name
        rows.append(Labelled(f"{name} {number}", (given,), place and f"{place}:{number + 2}"))
    return rows


def test_a_wrong_label_is_shown_with_its_place_and_what_is_likely() -> None:
    doubts = find_doubts([Field("intent", _records(2, "q.csv"))], _encode)
    assert {(one.place, one.given, one.likely) for one in doubts} == {
        ("q.csv:2", "loan", "card"),
        ("q.csv:3", "card", "loan"),
    }
    assert all(one.row()["label"] == one.given for one in doubts)
    assert "2 suspect labels of 60" in str(doubts_table(doubts, 60).title)


def test_what_has_no_place_is_not_doubted() -> None:
    assert find_doubts([Field("intent", _records(2, None))], _encode) == []


def test_a_field_of_one_label_is_left_aside_unless_it_is_all_there_is() -> None:
    one = Field("intent", [Labelled(f"card {n}", ("card",), f"q.csv:{n}") for n in range(9)])
    assert len(find_doubts([one, Field("faq_id", _records(2, "q.csv"))], _encode)) == 2
    with pytest.raises(UserError, match="too few labels"):
        find_doubts([one], _encode)
    with pytest.raises(UserError, match="no labels"):
        find_doubts([Field("intent", [])], _encode)
