from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from common.errors import UserError
from common.tuning.augmentation.augmenting import Augmentation
from common.tuning.augmentation.protected import protected
from common.tuning.settings import Settings

TEXTS = [f"{text} {n}" for text in ("where is my card", "银行卡丢了怎么办") for n in range(300)]
CHANGES = ("typing_errors", "word_dropout", "word_swap", "widths", "scripts")
KEPT = {
    "please do not send $1,250.50 to <card> before 3 May": (
        ["not", "$1,250.50", "<card>", "3"],
        "not send",
    ),
    "I can't pay the 20 dollars and never got two cards": (
        ["can't", "20 dollars", "never", "two"],
        "can't pay",
    ),
    "write to me@bank.com that ten thousand dollars were nowhere to be found": (
        ["me@bank.com", "ten thousand dollars", "nowhere"],
        "nowhere to",
    ),
    "[Apple] shares didn't fall 3.5% in Q3 2024": (
        ["[Apple]", "didn't", "3.5%", "Q3", "2024"],
        "didn't fall",
    ),
    "我的卡不能用了，请把100元退到<card>，没有收到": (["不", "100元", "<card>", "没"], "不能"),
    "为什么三万块钱无法转账，手机是<phone>": (["三万块", "无", "<phone>"], "无法"),
}


def _read(text: str, epochs: int = 60, **settings: object) -> set[str]:
    augment = Augmentation(Settings(**settings))
    return {one for epoch in range(epochs) for one in augment([text], epoch)}


@pytest.mark.parametrize("share", [0.15, 0.5])
@pytest.mark.parametrize("change", ["typing_errors", "word_dropout", "word_swap"])
def test_about_so_many_texts_are_changed_and_others_the_next_time(
    share: float, change: str
) -> None:
    augment = Augmentation(Settings(**{change: share}))
    changed = [
        [one != other for one, other in zip(TEXTS, augment(TEXTS, epoch), strict=True)]
        for epoch in range(2)
    ]
    assert abs(sum(changed[0]) / len(TEXTS) - share) < 0.07
    assert changed[0] != changed[1]


def test_what_is_drawn_depends_on_the_seed_the_epoch_and_the_text_alone() -> None:
    shares = dict.fromkeys(CHANGES, 0.5)
    first = Augmentation(Settings(**shares))(TEXTS, 3)
    random.seed(9)
    again = Augmentation(Settings(**shares))(TEXTS[::-1], 3)
    assert again[::-1] == first
    assert Augmentation(Settings(**shares, seed=1))(TEXTS, 3) != first


@pytest.mark.parametrize("text", KEPT)
@pytest.mark.parametrize("change", CHANGES)
def test_numbers_placeholders_and_negations_stay(text: str, change: str) -> None:
    kept, negated = KEPT[text]
    assert protected(text) == kept
    read = _read(text, **{change: 1.0})
    if change in {"typing_errors", "word_dropout"}:
        assert len(read) > 2
    for one in read:
        assert protected(one) == kept, one
        # What a negation stands before stays there.
        if change in {"word_dropout", "word_swap"}:
            assert negated in one, one


def test_pairs_are_changed_in_both_texts_and_conversations_in_none() -> None:
    augment = Augmentation(Settings(typing_errors=1.0))
    first, second = augment([("a question", "its answer")], 0)[0]
    assert first != "a question"
    assert second != "its answer"
    conversation = [{"role": "user", "content": "where is my card"}]
    assert augment([conversation], 0) == [conversation]


def test_words_are_left_out_and_swapped_whole() -> None:
    words = ["the", "blue", "card", "was", "lost", "in", "town"]
    for one in _read(" ".join(words), word_dropout=1.0):
        assert len(words) - 2 <= len(one.split()) < len(words)
        assert set(one.split()) <= set(words)
        assert one == " ".join(one.split())
    for one in _read(" ".join(words), word_swap=1.0):
        assert sorted(one.split()) == sorted(words)
    assert _read("我的银行卡丢了怎么办", word_swap=1.0) - {"我的银行卡丢了怎么办"}
    for one in _read("我的银行卡丢了怎么办", word_swap=1.0):
        assert "银行卡" in one
    assert _read("hello there", word_dropout=1.0) == {"hello there"}


def test_a_chinese_text_is_read_in_other_letters() -> None:
    assert _read("APP登录失败,怎么办", widths=1.0) == {"ＡＰＰ登录失败，怎么办"}
    assert _read("ＡＰＰ登录失败，怎么办", widths=1.0) == {"APP登录失败,怎么办"}
    assert _read("银行卡丢了怎么办", scripts=1.0) == {"銀行卡丟了怎麼辦"}
    assert _read("銀行卡丟了怎麼辦", scripts=1.0) == {"银行卡丢了怎么办"}
    assert _read("lost my card", widths=1.0, scripts=1.0) == {"lost my card"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("words.toml", 'groups = [["card", "bank card"], ["银行卡", "卡片"]]'),
        ("words.csv", "card,bank card\n银行卡,卡片\n"),
    ],
)
def test_words_of_the_glossary_stand_for_each_other(
    tmp_path: Path, name: str, content: str
) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    given = {"glossary": str(path), "synonyms": 1.0}
    assert _read("Card lost, cards found", **given) == {"Bank card lost, cards found"}
    assert _read("my bank card", **given) == {"my card"}
    assert _read("银行卡丢了", **given) == {"卡片丢了"}
    assert _read("no card here", **given) == {"no card here"}
    assert _read("nothing of it", **given) == {"nothing of it"}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("card\n", "group 1: fewer than two words"),
        ("", "no groups of words"),
        ("good,not bad\n", "'not bad' has 'not'"),
        ("day,24 hours\n", "'24 hours' has '24 hours'"),
    ],
)
def test_a_glossary_that_makes_no_sense_is_told(tmp_path: Path, content: str, told: str) -> None:
    path = tmp_path / "words.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=re.escape(told)):
        Augmentation(Settings(glossary=str(path), synonyms=0.1))


def test_an_error_that_would_touch_what_must_stay_is_made_elsewhere() -> None:
    augment = Augmentation(Settings(typing_errors=1.0))
    text = "do not send it to <card> or <phone>"
    assert sum(augment([text], epoch) != [text] for epoch in range(100)) > 85


LISTS = """
[lists]
company = ["Halcyon Energy", "Halcyon", "Kestrel", "恒远", "云岭"]
amount = ["$12 million", "$340 million"]
"""


def test_what_must_not_matter_is_swapped_everywhere_in_a_text(tmp_path: Path) -> None:
    path = tmp_path / "lists.toml"
    path.write_text(LISTS, encoding="utf-8")
    given = {"counterfactual": 1.0, "counterfactual_lists": str(path)}
    assert _read("Kestrel not up, buy [kestrel]", **given) == {
        "Halcyon Energy not up, buy [Halcyon Energy]",
        "Halcyon not up, buy [Halcyon]",
    }
    # An amount that is listed may change, another one stays; neither language borrows names.
    assert _read("Kestrels pay $12 million of $9 million", **given) == {
        "Kestrels pay $340 million of $9 million"
    }
    assert _read("云岭大涨", **given) == {"恒远大涨"}
    assert _read("Halcyon Energy, Halcyon and Kestrel", **given) == {
        "Halcyon Energy, Halcyon and Kestrel"
    }


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "no lists of words"),
        ('[lists]\ncity = ["Bonn"]', "lists.toml:2: list 'city' has fewer than two words"),
        ('[lists]\ncity = ["Bonn", 3]', "list 'city' is no list of words"),
        ('[lists]\na = ["x", "y"]\nb = ["Y", "z"]', "'Y' stands in two lists, 'a' and 'b'"),
    ],
)
def test_lists_that_make_no_sense_are_told(tmp_path: Path, content: str, told: str) -> None:
    path = tmp_path / "lists.toml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=re.escape(told)):
        Augmentation(Settings(counterfactual_lists=str(path), counterfactual=0.1))
    with pytest.raises(UserError, match="one is given alone"):
        Settings(counterfactual=0.1)
