"""What is found by words, by pieces of words and by sounds."""

from __future__ import annotations

import pytest

from apps.customer_service.answers.lexical import LexicalIndex, terms

TEXTS = (
    "My credit card is lost",
    "How do I change my address?",
    "What does a transfer abroad cost?",
    "The WM-7430 shows error E18",
    "银行卡丢了怎么办",
    "转账到国外要多少钱",
    "怎么修改手机号码",
    "Where is the café?",
)


@pytest.fixture(scope="module")
def index() -> LexicalIndex:
    return LexicalIndex(TEXTS)


def _first(index: LexicalIndex, text: str) -> str:
    return TEXTS[index.search(text, 10, lambda row: True)[0][0]]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("lost card", TEXTS[0]),
        ("my crdit crad is lsot", TEXTS[0]),
        ("adress chnage", TEXTS[1]),
        ("transfering abroad", TEXTS[2]),
        ("error on my wm7430 e18", TEXTS[3]),
        ("银行咖丢乐", TEXTS[4]),
        ("转帐到果外", TEXTS[5]),
        ("修盖手机号马", TEXTS[6]),
        ("yinhangka diule", TEXTS[4]),
        ("yin hang ka diu le", TEXTS[4]),
        ("yinhangkadiule", TEXTS[4]),
        ("wo xiang xiugai shoujihao", TEXTS[6]),
        ("zuanzang dao guowai", TEXTS[5]),
        ("cafe", TEXTS[7]),
        ("CAFÉ", TEXTS[7]),
    ],
)
def test_what_is_meant_is_found(index: LexicalIndex, asked: str, found: str) -> None:
    assert _first(index, asked) == found


def test_scores_are_between_0_and_1_and_what_is_passed_over_is_not_found(
    index: LexicalIndex,
) -> None:
    hits = index.search("lost card abroad 转账", 10, lambda row: row != 0)
    assert hits
    assert 0 not in {row for row, _ in hits}
    assert all(0 < score < 1 for _, score in hits)


@pytest.mark.parametrize("text", ["", "?!", "😀", '"', "a AND (", "~", "\\", "field:x", "+-"])
def test_nothing_breaks_it(index: LexicalIndex, text: str) -> None:
    index.search(text, 10, lambda row: True)


def test_terms_are_pieces_of_words_and_pairs_and_sounds_of_characters() -> None:
    assert terms("Ab") == ["<ab>", "<ab", "ab>", "<ab>"]
    assert set(terms("银行")) == {"银", "行", "银行", "~yin", "~xin", "~yin~xin"}
