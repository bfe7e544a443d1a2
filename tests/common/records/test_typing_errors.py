from __future__ import annotations

import pytest

from common.records.spoken.pinyin import sound
from common.records.text import CHINESE
from common.records.typing_errors import with_typing_errors

TEXTS = ("I lost my credit card and need help", "银行卡丢了怎么办", "怎么用APP转账到国外")


def _distance(one: str, other: str) -> int:
    """Damerau's: a swap of neighbours is one error."""
    table = [
        [i + j if i * j == 0 else 0 for j in range(len(other) + 1)] for i in range(len(one) + 1)
    ]
    for i in range(1, len(one) + 1):
        for j in range(1, len(other) + 1):
            same = one[i - 1] == other[j - 1]
            table[i][j] = min(
                table[i - 1][j] + 1, table[i][j - 1] + 1, table[i - 1][j - 1] + (not same)
            )
            if i > 1 and j > 1 and one[i - 1] == other[j - 2] and one[i - 2] == other[j - 1]:
                table[i][j] = min(table[i][j], table[i - 2][j - 2] + 1)
    return table[-1][-1]


@pytest.mark.parametrize("text", TEXTS)
def test_so_many_errors_are_made_and_no_more(text: str) -> None:
    for seed in range(50):
        assert _distance(text, with_typing_errors(text, 1, str(seed))) <= 1
        assert 1 <= _distance(text, with_typing_errors(text, 2, str(seed))) <= 2


def test_the_same_seed_makes_the_same_errors_and_another_others() -> None:
    made = {with_typing_errors(TEXTS[0], 2, str(seed)) for seed in range(20)}
    assert len(made) > 10
    assert with_typing_errors(TEXTS[0], 2, "a") == with_typing_errors(TEXTS[0], 2, "a")


def test_what_has_no_letters_stays() -> None:
    for text in ("", "12 345", "😀", "?!"):
        assert with_typing_errors(text, 2, "a") == text


def test_most_chinese_errors_sound_alike() -> None:
    text = TEXTS[1]
    replaced = [
        (right, wrong)
        for seed in range(200)
        for right, wrong in [_replaced(text, with_typing_errors(text, 1, str(seed)))]
        if right != wrong
    ]
    assert len(replaced) > 80
    assert all(sound(right) == sound(wrong) for right, wrong in replaced)


def _replaced(text: str, wrong: str) -> tuple[str, str]:
    pairs = [(a, b) for a, b in zip(text, wrong, strict=False) if a != b]
    is_one = len(text) == len(wrong) and len(pairs) == 1
    return pairs[0] if is_one and CHINESE.match(pairs[0][1]) else ("", "")


def test_ears_that_do_not_tell_zh_from_z() -> None:
    assert sound("卡") == sound("咔") == "ka"
    assert sound("站") == sound("赞")
    assert sound("行") == sound("新")
    assert sound("卡") != sound("家")
