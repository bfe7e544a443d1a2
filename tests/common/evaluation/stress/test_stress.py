"""Texts written otherwise: what is changed, what must stay, and what the figures say of it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from common.errors import UserError
from common.evaluation.explanation.words import words_of
from common.evaluation.stress.measuring import Verdicts, stress
from common.evaluation.stress.perturbations import Perturbation, perturbations
from common.records.text import normalise

BY_NAME = {one.name: one for one in perturbations()}
ENGLISH = "Alba says profit rose by 12% and its shares are up"
CHINESE = "云岭银行宣布利润增长两成，股价上涨"


@pytest.mark.parametrize("name", BY_NAME)
@pytest.mark.parametrize("text", [ENGLISH, CHINESE])
def test_the_same_seed_gives_the_same_text(name: str, text: str) -> None:
    assert BY_NAME[name].apply(text, 3) == BY_NAME[name].apply(text, 3)


@pytest.mark.parametrize("text", [ENGLISH, CHINESE])
@pytest.mark.parametrize("name", ["politeness", "padded", "injected instructions"])
def test_what_is_put_around_a_text_leaves_it_whole(name: str, text: str) -> None:
    written = BY_NAME[name].apply(text, 0)
    assert text in written
    assert written != text
    assert "{text}" not in written


@pytest.mark.parametrize(
    ("text", "negated"),
    [
        ("The shares are up", "The shares are not up"),
        ("Profit rose", "Profit never rose"),
        ("It is not good", "It is not good"),
        ("股价上涨", "股价没有上涨"),
        ("股价没有上涨", "股价没有上涨"),
        ("我不会改", "我不会改"),
        ("新能源项目获批", "新能源项目获批"),
    ],
)
def test_a_text_is_denied_once_and_never_twice(text: str, negated: str) -> None:
    assert BY_NAME["negation"].apply(text, 0) == negated


def test_other_scripts_read_the_same_once_they_are_normalised() -> None:
    for name, text in (("full width", ENGLISH), ("traditional script", CHINESE)):
        written = BY_NAME[name].apply(text, 0)
        assert written != text
        assert normalise(written) == normalise(text)


def test_a_truncated_text_is_its_beginning_and_a_short_one_stays() -> None:
    written = BY_NAME["truncated"].apply(ENGLISH, 0)
    assert ENGLISH.startswith(written)
    assert 0.5 < len(written) / len(ENGLISH) < 1
    assert BY_NAME["truncated"].apply("too short", 0) == "too short"


def test_two_words_change_places_and_none_is_lost() -> None:
    written = BY_NAME["word order"].apply(ENGLISH, 1)
    assert written != ENGLISH
    assert sorted(word.text for word in words_of(written)) == sorted(
        word.text for word in words_of(ENGLISH)
    )


def _judge(rows: Sequence[int], texts: Sequence[str]) -> Verdicts:
    """Right while a text is in lower case; the last record counts for no figure."""
    right = [
        math.nan if row == 3 else float(text.islower())
        for row, text in zip(rows, texts, strict=True)
    ]
    said = ["answer" if text.isupper() else "handoff" for text in texts]
    return Verdicts(said, {"right": right}, [one == "answer" for one in said])


def test_a_figure_is_compared_on_the_records_that_a_change_applies_to() -> None:
    texts = ["one", "two", "3", "four"]
    upper = Perturbation("upper", "same", lambda text, _: text.upper())
    none = Perturbation("nothing", "same", lambda text, _: text)
    (found,) = stress(texts, _judge, [upper, none])
    assert (found.name, found.records, found.changed) == ("upper", 3, 1.0)
    right = found.figures["right"]
    assert (right.before, right.after, right.records) == (1.0, 0.0, 2)
    assert [(one.row, one.fell) for one in found.examples] == [(0, True), (1, True), (3, False)]
    assert found.obeyed == []


def test_an_instruction_that_was_obeyed_is_named_by_its_record() -> None:
    shouting = Perturbation("injected", "not obeyed", lambda text, _: text.upper())
    (found,) = stress(["TOLD BEFORE", "told"], _judge, [shouting])
    assert found.obeyed == [2]


def test_nothing_to_put_under_stress_is_said() -> None:
    with pytest.raises(UserError, match="no texts"):
        stress([], _judge, perturbations())
