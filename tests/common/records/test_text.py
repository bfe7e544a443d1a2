from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.records.text import fold, language_of, normalise, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  two\u3000spaces\n", "two spaces"),
        ("ＡＴＭ取款", "ATM取款"),
        ("信用卡遺失怎麼辦", "信用卡遗失怎么办"),
        ("zero\u200bwidth", "zerowidth"),
        ("Keeps Case", "Keeps Case"),
        ("café", "café"),
    ],
)
def test_what_reads_the_same_is_spelled_the_same(text: str, expected: str) -> None:
    assert normalise(text) == expected


@given(st.text())
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once


def test_case_punctuation_and_spaces_do_not_tell_texts_apart() -> None:
    assert fold("Where is my CARD?!") == fold("where is my card")
    assert fold("卡，丟了。") == fold("卡丢了")
    assert fold("card lost") != fold("card found")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("where is my card", "en"),
        ("我的卡在哪里", "zh"),
        ("我的APP登录不了", "zh"),
        ("my 卡 is not working at the ATM", "en"),
        ("カードをなくしました", "other"),
        ("1234 !?", "other"),
        ("", "other"),
    ],
)
def test_the_language_goes_by_the_script(text: str, language: str) -> None:
    assert language_of(text) == language


def test_words_of_both_scripts() -> None:
    assert words("What's my PIN, 2.5?") == ["what's", "my", "pin", "2.5"]
    assert "信用卡" in words("信用卡丢了怎么办？")
    assert words("信用卡遺失") == words("信用卡遗失")
    assert words("，。！？") == []
