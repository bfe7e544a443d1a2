from __future__ import annotations

import pytest

from common.records.spoken.pinyin import spelled, syllables


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("yinhangka", ["yin", "hang", "ka"]),
        ("xian", ["xian"]),
        ("edu", ["e", "du"]),
        ("see", []),
        ("are", []),
        ("lost", []),
        ("", []),
        ("a", ["a"]),
    ],
)
def test_a_word_is_parted_into_the_fewest_syllables(word: str, found: list[str]) -> None:
    assert syllables(word) == found


@pytest.mark.parametrize(
    "text", ["yinhangka diule", "YinHangKa diu le!", "wo de app denglu buliao", "yinhangkadiule"]
)
def test_what_spells_chinese_is_read_as_syllables(text: str) -> None:
    assert len(spelled(text)) >= 3


@pytest.mark.parametrize(
    "text",
    ["", "?", "银行卡丢了", "my card is lost", "hang on", "Are you AI?", "nice one", "see ya"],
)
def test_what_does_not_has_none(text: str) -> None:
    assert spelled(text) == []


def test_a_long_word_takes_no_long_time() -> None:
    assert len(syllables("zhuang" * 300)) == 300
