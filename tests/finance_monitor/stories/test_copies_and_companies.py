"""Copies of a story, and companies by the names a text uses."""

from __future__ import annotations

from pathlib import Path

import pytest

from apps.finance_monitor.stories.companies import Entity, EntityList, read_entities
from apps.finance_monitor.stories.copies import Duplicates, signature_of
from common.errors import UserError

STORY = "Northgate Bank customers report failed card payments and blocked logins on Tuesday"
EDITED = "Northgate Bank customers report failed card payments, blocked logins on Tuesday - update"
OTHER = "Halcyon Energy signs a ten-year supply contract with the port of Alba for green power"
CHINESE = "云岭银行客户反映手机银行无法登录，多地刷卡失败"
CHINESE_EDITED = "云岭银行客户反映：手机银行无法登录，多地刷卡失败！"


def _duplicates(text: str, entities: tuple[str, ...] = ()) -> Duplicates:
    made = Duplicates(3600)
    made.add("first", signature_of(text), 0, entities)
    return made


@pytest.mark.parametrize(
    ("first", "second"), [(STORY, STORY), (STORY, EDITED), (CHINESE, CHINESE_EDITED)]
)
def test_a_lightly_edited_copy_is_told(first: str, second: str) -> None:
    found = _duplicates(first).compare(signature_of(second), ())
    assert found.duplicate_of == "first"
    assert found.novelty < 0.4


def test_another_story_is_new() -> None:
    found = _duplicates(STORY).compare(signature_of(OTHER), ())
    assert (found.duplicate_of, found.novelty) == (None, 1.0)


def test_the_same_words_of_another_company_are_no_copy() -> None:
    assert _duplicates(STORY, ("A",)).compare(signature_of(STORY), ("B",)).duplicate_of is None


def test_what_is_older_than_the_window_is_forgotten() -> None:
    duplicates = _duplicates(STORY)
    duplicates.forget_before(3500)
    assert duplicates.compare(signature_of(STORY), ()).duplicate_of == "first"
    duplicates.forget_before(3700)
    assert len(duplicates) == 0
    assert duplicates.compare(signature_of(STORY), ()).duplicate_of is None


@pytest.fixture
def companies() -> EntityList:
    return EntityList(
        [
            Entity(name="Northgate Bank", aliases="Northgate|NGB"),
            Entity(name="Northgate Bank Leasing"),
            Entity(name="Ally"),
            Entity(name="东篱地产", aliases=["东篱"], ticker="600587"),
        ]
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("NORTHGATE shares fall", ["Northgate Bank"]),
        ("Northgate Bank Leasing grows", ["Northgate Bank Leasing"]),
        ("usually, finally, totally", []),
        ("Northgates of the city", []),
        ("Ally's profit; ngb is no name, NGB is", ["Ally", "Northgate Bank"]),
        ("消息称东篱地产未能兑付，NGB受影响", ["东篱地产", "Northgate Bank"]),
        ("600587跌停", ["东篱地产"]),
        ("", []),
    ],
)
def test_names_are_found_whole_and_longest_first(
    companies: EntityList, text: str, found: list[str]
) -> None:
    assert companies.find(text) == found


def test_a_name_of_two_companies_is_refused() -> None:
    with pytest.raises(UserError, match="names both"):
        EntityList([Entity(name="A", aliases=["X"]), Entity(name="B", aliases=["x"])])


def test_a_list_is_read_from_csv(tmp_path: Path) -> None:
    path = tmp_path / "entities.csv"
    path.write_text("name,aliases,ticker,language\nAlba,Alba AG|ABA,00123,en\n", encoding="utf-8")
    assert read_entities(path).find("Alba AG and 00123") == ["Alba"]
