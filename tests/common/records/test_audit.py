from __future__ import annotations

import pytest

from common.errors import UserError
from common.records.audit import Sample, audit


def _samples(*pairs: tuple[str, str | None]) -> list[Sample]:
    return [Sample(text, label, f"f.csv:{n}") for n, (text, label) in enumerate(pairs, start=2)]


MANY = [(f"question {n}", "ab"[n % 2]) for n in range(100)]


def _codes(samples: list[Sample], held_out: list[Sample] | None = None) -> dict[str, str]:
    return {f.code: f.severity for f in audit(samples, held_out or []).findings}


def test_clean_data_has_nothing_but_its_languages() -> None:
    assert _codes(_samples(*MANY)) == {"languages": "note"}


def test_one_label_is_an_error() -> None:
    checked = audit(_samples(("a", "x"), ("b", "x")))
    with pytest.raises(UserError, match="one label only: 'x'"):
        checked.raise_on_errors()


def test_a_label_with_two_examples_is_a_warning() -> None:
    assert _codes(_samples(*MANY, ("c1", "c"), ("c2", "c")))["rare_label"] == "warning"


def test_one_conflict_warns_and_many_are_an_error() -> None:
    assert _codes(_samples(*MANY, ("Question 0!", "b")))["conflict"] == "warning"
    many = [(f"question {n}", "ba"[n % 2]) for n in range(20)]
    found = audit(_samples(*MANY, *many))
    with pytest.raises(UserError, match="the same text under two labels") as caught:
        found.raise_on_errors()
    assert "f.csv:2" in str(caught.value)


def test_test_texts_that_stand_in_train_are_told_with_both_places() -> None:
    held_out = [Sample("question 5", "b", "test.csv:2")]
    (leak,) = [f for f in audit(_samples(*MANY), held_out).findings if f.code == "leak"]
    assert leak.severity == "error"
    assert leak.examples == ["test.csv:2: also f.csv:7"]


def test_duplicates_are_counted_beyond_the_first() -> None:
    found = audit(_samples(*MANY, ("question 1", "b"), ("QUESTION 1", "b"))).findings
    (duplicates,) = [f for f in found if f.code == "duplicate"]
    assert duplicates.count == 2


def test_blank_and_long_texts_warn() -> None:
    codes = _codes(_samples(*MANY, ("…!", "a"), ("x" * 3000, "b")))
    assert codes["blank"] == codes["long"] == "warning"


def test_labels_that_a_slip_made_two_of_are_named() -> None:
    samples = _samples(*MANY, ("c1", "Card Lost"), ("c2", "card_lost"), ("d", "C++"), ("e", "C#"))
    held_out = [Sample("f", "A", "test.csv:2")]
    (alike,) = [f for f in audit(samples, held_out, ["b", "B "]).findings if "alike" in f.code]
    assert alike.severity == "warning"
    assert alike.examples == ["'A' / 'a'", "'B ' / 'b'", "'Card Lost' / 'card_lost'"]
