"""How a text is shown to the model that is asked about one of its companies."""

from __future__ import annotations

import pytest

from apps.finance_monitor.data import examples
from apps.finance_monitor.schema import TrainingRecord
from apps.finance_monitor.stories.companies import Entity, EntityList
from apps.finance_monitor.targets.pointing import occurrences, point_at


@pytest.mark.parametrize(
    ("text", "names", "found"),
    [
        ("Alba beats borel, Albany and ALBA", ["Alba"], ["Alba", "ALBA"]),
        ("Alba Energy and Alba", ["Alba", "Alba Energy"], ["Alba Energy", "Alba"]),
        ("海港银行与Alba合作", ["海港", "Alba"], ["海港", "Alba"]),
        ("C++ and C", ["C++"], ["C++"]),
        ("nothing", [], []),
    ],
)
def test_names_stand_where_no_word_goes_on(text: str, names: list[str], found: list[str]) -> None:
    assert [text[start:end] for start, end in occurrences(text, names)] == found


def test_every_mention_of_the_company_that_is_asked_about_is_in_braces() -> None:
    text = "Alba beats Borel; Alba {sic} is glad"
    named = {"Alba": [(0, 4), (18, 22)], "Borel": [(11, 16)]}
    assert point_at(text, "Alba", named) == "{Alba} beats Borel; {Alba} (sic) is glad"
    assert point_at(text, "Borel", named) == "Alba beats {Borel}; Alba (sic) is glad"


def test_a_company_that_is_not_named_stands_in_front() -> None:
    assert point_at("a rival grows", "Alba", {}) == "{Alba} a rival grows"


RECORD = {
    "text": "NGB sues Borel; the lender wants 3m",
    "targets": [
        {"entity": "Northgate Bank", "sentiment": "neutral"},
        {"entity": "Borel", "sentiment": "negative"},
    ],
}
LISTED = EntityList([Entity(name="Northgate Bank", aliases=["NGB"], references=["the lender"])])


def test_a_target_that_is_learned_is_found_as_one_that_is_scored() -> None:
    record = TrainingRecord.model_validate(RECORD)
    assert [one.text for one in examples([record], LISTED)] == [
        "{NGB} sues Borel; {the lender} wants 3m",
        "NGB sues {Borel}; the lender wants 3m",
    ]


def test_a_target_that_is_learned_may_say_what_the_text_calls_it() -> None:
    bank = {"entity": "Northgate Bank", "sentiment": "neutral", "mentions": ["NGB", "the lender"]}
    record = TrainingRecord.model_validate(RECORD | {"targets": [bank]})
    assert [one.text for one in examples([record])] == ["{NGB} sues Borel; {the lender} wants 3m"]


def test_a_name_in_front_is_spelled_as_it_was_learned() -> None:
    assert point_at("晶圆涨价", "台積電", {}) == "{台积电} 晶圆涨价"
    assert point_at("chips rise", "Alba {HK}", {}) == "{Alba (HK)} chips rise"
