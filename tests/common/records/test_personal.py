from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.masking import count, sentences
from common.errors import UserError
from common.records.personal import RULES, load_masking, prepare

MASKED = [
    ("我叫王小明，电话13800138000", "我叫<name>,电话<phone>"),
    ("我叫王明想问一下房贷", "我叫<name>想问一下房贷"),
    ("姓名：欧阳修文，要改", "姓名:<name>,要改"),
    ("卡号6222021234567890128丢了", "卡号<card>丢了"),
    ("my card 4111 1111 1111 1111 was stolen", "my card <card> was stolen"),
    ("my name is John Smith and I moved", "my name is <name> and I moved"),
    ("my name is john smith", "my name is <name>"),
    ("邮箱zhang.san@qq.com收不到", "邮箱<email>收不到"),
    ("身份证11010519491231002X过期了", "身份证<id>过期了"),
    ("IBAN DE89 3704 0044 0532 0130 00 is mine", "IBAN <iban> is mine"),
    ("call me at +44 20 7946 0958 please", "call me at <phone> please"),
    ("my phone is (415) 555-2671", "my phone is <phone>"),
    ("020-87654321是我家电话", "<phone>是我家电话"),
    ("my IP 192.168.1.10 was blocked", "my IP <ip> was blocked"),
    ("我的护照E12345678快到期", "我的护照<passport>快到期"),
    ("passport number is 123456789", "passport number is <passport>"),
    ("车牌粤B·D12345被扣", "车牌<plate>被扣"),
    ("my plate is ABC 1234", "my plate is <plate>"),
]
KEPT = [
    "order number 4111111111111111 never came",
    "订单号 202511271234567 什么时候发货",
    "我叫了外卖一直没到",
    "My name is misspelled on my card",
    "version 10.0.0.1 crashes",
    "拨打400-820-8820没人接",
    "I was charged 12,345.67 on 2025-11-27",
    "转账 1000000 元到账了吗",
    "尾号6789的卡",
    "the meeting is at 10:30:15",
    "4111 1111 1111 1112 has a wrong check digit",
    "身份证号码是多少位",
    "What is an IBAN?",
]


@pytest.mark.parametrize(("text", "masked"), MASKED)
def test_what_is_personal_is_masked(text: str, masked: str) -> None:
    assert prepare(text) == masked


@pytest.mark.parametrize("text", KEPT)
def test_what_is_nobody_s_is_kept(text: str) -> None:
    assert prepare(text) == text


@pytest.mark.parametrize(("text", "_"), MASKED)
def test_what_is_masked_stays_as_it_is(text: str, _: str) -> None:
    assert prepare(prepare(text)) == prepare(text)


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("(?P<name>", "(?P<name", "not a regular expression"),
        ("(?P<name>", "(?P<name>a{9999999999}", "not a regular expression"),
        ('check = "card"', 'check = "cart"', "'cart'"),
        ("[keep]", "[kept]", "'keep'"),
        ("[[pattern]]", "[[pattern", "broken TOML"),
    ],
)
def test_broken_rules_are_named(tmp_path: Path, before: str, after: str, says: str) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text(RULES.read_text(encoding="utf-8").replace(before, after), encoding="utf-8")
    with pytest.raises(UserError, match=says):
        load_masking(rules)


def test_the_written_sentences_are_masked_as_marked() -> None:
    """What the README states of `benchmarks.masking` holds."""
    whole = count(list(sentences()))
    assert whole.precision >= 0.98
    assert whole.recall >= 0.95


def test_an_id_of_a_district_that_was_made_later_is_one() -> None:
    assert prepare("身份证330106196802292058") == "身份证<id>"
    # A wrong check digit, and no such day.
    assert prepare("编号为330106196802292057") == "编号为330106196802292057"
    assert "<id>" not in prepare("330106196902292058")
