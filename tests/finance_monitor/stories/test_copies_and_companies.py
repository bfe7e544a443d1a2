"""Copies of a story, and companies by the names a text uses."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from apps.finance_monitor.schema import FeedRecord
from apps.finance_monitor.stories.companies import (
    Entity,
    EntityList,
    companies_in,
    read_entities,
)
from apps.finance_monitor.stories.copies import Duplicates, Said, signature_of
from common.errors import UserError

STORY = "Northgate Bank customers report failed card payments and blocked logins on Tuesday"
EDITED = "Northgate Bank customers report failed card payments, blocked logins on Tuesday - update"
OTHER = "Halcyon Energy signs a ten-year supply contract with the port of Alba for green power"
NEUTRAL: Said = {"": "neutral"}
CHINESE = "云岭银行客户反映手机银行无法登录，多地刷卡失败"
CHINESE_EDITED = "云岭银行客户反映：手机银行无法登录，多地刷卡失败！"


def _duplicates(text: str, entities: tuple[str, ...] = ()) -> Duplicates:
    made = Duplicates(3600)
    made.add("first", signature_of(text), 0, entities, NEUTRAL)
    return made


@pytest.mark.parametrize(
    ("first", "second"), [(STORY, STORY), (STORY, EDITED), (CHINESE, CHINESE_EDITED)]
)
def test_a_lightly_edited_copy_is_told(first: str, second: str) -> None:
    found = _duplicates(first).compare(signature_of(second), (), NEUTRAL)
    assert found.duplicate_of == "first"
    assert found.novelty < 0.4


def test_another_story_is_new() -> None:
    found = _duplicates(STORY).compare(signature_of(OTHER), (), NEUTRAL)
    assert (found.duplicate_of, found.novelty) == (None, 1.0)


def test_the_same_words_of_another_company_are_no_copy() -> None:
    found = _duplicates(STORY, ("A",)).compare(signature_of(STORY), ("B",), NEUTRAL)
    assert found.duplicate_of is None


@pytest.mark.parametrize(
    ("said", "is_copy"),
    [
        ({"": "neutral"}, True),
        ({"": None}, True),
        ({"": "negative"}, False),
        ({"": "neutral", "A": "negative"}, False),
    ],
)
def test_a_copy_says_nothing_that_its_original_does_not(said: Said, is_copy: bool) -> None:
    found = _duplicates(STORY).compare(signature_of(EDITED), (), said)
    assert (found.duplicate_of == "first") is is_copy


def test_what_is_older_than_the_window_is_forgotten() -> None:
    duplicates = _duplicates(STORY)
    duplicates.forget_before(3500)
    assert duplicates.compare(signature_of(STORY), (), NEUTRAL).duplicate_of == "first"
    duplicates.forget_before(3700)
    assert len(duplicates) == 0
    assert duplicates.compare(signature_of(STORY), (), NEUTRAL).duplicate_of is None


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


@pytest.fixture
def said_of() -> Callable[[str], dict[str, list[str]]]:
    listed = EntityList(
        [
            Entity(name="Northgate Bank", aliases="Northgate", references="the lender|the bank"),
            Entity(name="Bellhaven Bank", references="the bank"),
            Entity(name="Orchard Inc", aliases="Orchard|ORCH", unless="cherry orchard"),
            Entity(name="Gap", only_with="shares|stores"),
            Entity(name="平安保险", aliases="平安", unless="平安夜|报平安", references="该险企"),
            Entity(name="云岭银行", aliases="云岭", references="该行"),
        ]
    )

    def said(text: str) -> dict[str, list[str]]:
        return {n: [text[a:b] for a, b in spans] for n, spans in listed.mentions(text).items()}

    return said


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Northgate slumps; The lender cut jobs", {"Northgate Bank": ["Northgate", "The lender"]}),
        ("the lender cut jobs, Northgate said", {"Northgate Bank": ["Northgate"]}),
        (
            "Northgate fell, Bellhaven Bank rose. The bank is larger; the lender is older",
            {
                "Northgate Bank": ["Northgate", "the lender"],
                "Bellhaven Bank": ["Bellhaven Bank", "The bank"],
            },
        ),
        ("Gap opens stores, the company said", {"Gap": ["Gap", "the company"]}),
        ("云岭下跌，该行与子公司未回应，公司称正常", {"云岭银行": ["云岭", "该行", "公司"]}),
        ("该公司称云岭不涉案", {"云岭银行": ["云岭"]}),
    ],
)
def test_a_reference_means_the_last_company_before_it_that_goes_by_it(
    said_of: Callable[[str], dict[str, list[str]]], text: str, found: dict[str, list[str]]
) -> None:
    assert said_of(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Chekhov's Cherry Orchard returns", []),
        ("Orchard shares fall after The Cherry Orchard flops", ["Orchard Inc"]),
        ("mind the gap", []),
        ("Gap shuts stores", ["Gap"]),
        ("平安夜游客报平安", []),
        ("平安夜前，平安下调保费", ["平安保险"]),
    ],
)
def test_a_namesake_is_no_company(
    said_of: Callable[[str], dict[str, list[str]]], text: str, found: list[str]
) -> None:
    assert list(said_of(text)) == found


def test_companies_that_a_record_came_with_are_looked_for_in_its_text() -> None:
    record = FeedRecord(
        published_at=datetime(2026, 1, 1, tzinfo=UTC), text="Alba sues BOREL", entities=["Borel"]
    )
    assert companies_in(record, EntityList([Entity(name="Alba")])) == {
        "Borel": [(10, 15)],
        "Alba": [(0, 4)],
    }


def test_a_name_of_two_companies_is_refused() -> None:
    with pytest.raises(UserError, match="names both"):
        EntityList([Entity(name="A", aliases=["X"]), Entity(name="B", aliases=["x"])])
    one, other = Entity(name="A", aliases=["X"], only_with="y"), Entity(name="B", aliases=["x"])
    with pytest.raises(UserError, match="names both B and C"):
        EntityList([one, other, Entity(name="C", aliases=["X"])])


def test_a_ticker_of_two_companies_is_refused_whatever_words_part_them() -> None:
    one = Entity(name="Alba", ticker="ALB", only_with="ore")
    with pytest.raises(UserError, match="'ALB' is the ticker of both Alba and Borel"):
        EntityList([one, Entity(name="Borel", ticker="alb", only_with="loans")])


@pytest.mark.parametrize(
    ("entity", "plain", "meant"),
    [
        (
            Entity(name="Apple", aliases="苹果", only_with="iPhone|股价"),
            "An apple a day",
            "Apple iPhone",
        ),
        (
            Entity(name="苹果", aliases="Apple|AAPL", only_with="股价"),
            "今年苹果丰收",
            "苹果股价下跌",
        ),
        (
            Entity(name="Shell", aliases="SHEL", only_with="oil"),
            "A shell was found",
            "Shell finds oil",
        ),
    ],
)
def test_a_plain_word_stays_one_beside_an_alias_that_is_not_its_short_form(
    entity: Entity, plain: str, meant: str
) -> None:
    listed = EntityList([entity])
    assert listed.find(plain) == []
    assert listed.find(meant) == [entity.name]


NAMESAKES = EntityList(
    [
        Entity(name="Alpha Bank", aliases="Alpha", ticker="ALB", only_with="bank|loans|deposits"),
        Entity(name="Alpha Mining", aliases="Alpha|Alpha Mines", only_with="mine|ore|copper"),
        Entity(name="Orchard", aliases="Orchard Inc", only_with="shares"),
        Entity(name="Orchard Records", aliases="Orchard", only_with="album|songs"),
        Entity(name="平安保险", aliases="平安|平安集团"),
        Entity(name="平安药房", aliases="平安", only_with="药品|药店"),
    ]
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Alpha grants fewer loans", ["Alpha Bank"]),
        ("Alpha digs for copper", ["Alpha Mining"]),
        ("Alpha lends to a copper mine against deposits of ore", ["Alpha Mining"]),
        ("Alpha sells an office", []),
        # What is beyond doubt needs no further words, and says who a short name is.
        ("Alpha Bank sells an office; Alpha will rent", ["Alpha Bank"]),
        ("ALB: Alpha mine loses money", ["Alpha Bank"]),
        ("Alpha Mines and Alpha Bank settle, says Alpha", ["Alpha Mining", "Alpha Bank"]),
        ("Orchard Inc opens an office", ["Orchard"]),
        ("Orchard opens an office", []),
        ("Orchard shares rise", ["Orchard"]),
        ("Orchard signs an album", ["Orchard Records"]),
        ("平安下调保费", ["平安保险"]),
        ("平安下架一批药品", ["平安药房"]),
        ("平安集团旗下药店裁员", ["平安保险"]),
    ],
)
def test_companies_that_share_a_short_name_are_parted(text: str, found: list[str]) -> None:
    assert list(NAMESAKES.mentions(text)) == found


def test_a_shared_name_alone_names_nobody_unless_it_is_a_full_one() -> None:
    assert NAMESAKES.named("alpha") is None
    assert NAMESAKES.named("orchard") == "Orchard"
    assert NAMESAKES.named("ALB") == "Alpha Bank"


def test_a_list_is_read_from_csv(tmp_path: Path) -> None:
    path = tmp_path / "entities.csv"
    header = "name,aliases,ticker,language,references,unless,only_with"
    path.write_text(f"{header}\nAlba,Alba AG|ABA,00123,en,the firm,ABA rules,\n", encoding="utf-8")
    assert read_entities(path).mentions("ABA rules: Alba AG and 00123") == {
        "Alba": [(11, 18), (23, 28)]
    }


def test_a_letter_that_is_two_in_small_moves_no_name() -> None:
    listed = EntityList(
        [
            Entity(name="Apple", ticker="AAPL"),
            Entity(name="İş Bankası", references=["the BANKA İŞ"]),
        ]
    )
    text = "İstanbul: Apple and AAPL rise, İş Bankası falls; the Banka İş recovers"
    found = listed.mentions(text)
    called = {name: [text[start:end] for start, end in spans] for name, spans in found.items()}
    assert called == {"Apple": ["Apple", "AAPL"], "İş Bankası": ["İş Bankası", "the Banka İş"]}


def test_a_cell_that_only_looks_empty_names_nothing(tmp_path: Path) -> None:
    path = tmp_path / "companies.csv"
    path.write_text("name,aliases,ticker,only_with\nApple,\u200b,\u200b,\u200b\n", encoding="utf-8")
    listed = read_entities(path)
    assert listed.find("Apple rises") == ["Apple"]
    assert listed.tickers == {}
    path.write_text("name\n\u200b\n", encoding="utf-8")
    with pytest.raises(UserError):
        read_entities(path)


def test_a_ticker_is_known_however_it_is_written() -> None:
    assert EntityList([Entity(name="Apple", ticker=" ＡＡＰＬ ")]).tickers == {"AAPL": "Apple"}


def test_a_company_in_two_rows_is_refused_with_both_places(tmp_path: Path) -> None:
    path = tmp_path / "companies.csv"
    path.write_text("name,aliases,unless\nApple,AAPL,apple pie\nApple,Apple Inc,\n", "utf-8")
    with pytest.raises(UserError, match=r"csv:3: company 'Apple' stands here and at .*csv:2"):
        read_entities(path)


def test_a_ticker_is_the_same_with_the_sign_of_posts_before_it(tmp_path: Path) -> None:
    path = tmp_path / "companies.csv"
    path.write_text("name,ticker\nAlba,$ALB\n", "utf-8")
    companies = read_entities(path)
    assert companies.tickers == {"ALB": "Alba"}
    assert companies.find("ALB rises") == ["Alba"]
    path.write_text("name,ticker\nAlba,$ALB\nBorea,alb\n", "utf-8")
    with pytest.raises(UserError, match="is the ticker of both"):
        read_entities(path)
