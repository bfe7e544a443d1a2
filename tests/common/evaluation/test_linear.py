from __future__ import annotations

import pytest

from common.evaluation import linear
from common.evaluation.linear import compare_with, predict_linear

TRAIN = [
    ("my card was stolen", "card"), ("I lost my debit card", "card"), ("block the card", "card"),
    ("房贷利率是多少", "loan"), ("贷款怎么申请", "loan"), ("提前还房贷", "loan"),
    ("🚀🚀", "up"), ("to the moon 🚀", "up"), ("🚀 again", "up"),
]  # fmt: skip
ASKED = [("somebody has stolen the card", "card"), ("房贷能提前还吗", "loan"), ("🚀🚀🚀", "up")]


@pytest.mark.parametrize("most_machines", [2, 3])
def test_words_characters_and_symbols_tell_labels_apart(
    most_machines: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linear, "MOST_MACHINES", most_machines)
    texts, labels = zip(*TRAIN, strict=True)
    assert predict_linear(texts, labels, [text for text, _ in ASKED]) == ["card", "loan", "up"]


def test_thousands_of_labels_are_told_apart_a_part_of_the_questions_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(linear, "MOST_PRODUCTS", 10_000)
    labels = [f"faq-{number}" for number in range(2000)]
    texts = [
        f"how does part {number * 7919} of the {number % 17}th kind work" for number in range(2000)
    ]
    asked = [text.replace("how does", "tell me how") for text in texts[::100]]
    assert predict_linear(texts, labels, asked) == labels[::100]


def test_a_release_that_does_not_beat_it_says_so_first() -> None:
    worse = compare_with(TRAIN, ASKED * 20, [False] * 60, "intent_accuracy")
    assert worse is not None
    assert not worse.is_beaten
    assert worse.metrics == {"intent_accuracy": 1.0}
    assert worse.text.startswith("Worse than a linear model over words and characters: right 0.0%")
    same = compare_with(TRAIN, ASKED, [True] * 3, "intent_accuracy")
    assert same is not None
    assert same.text.startswith("Not shown better than a linear model")
    wrong = [(text, "elsewhere") for text, _ in ASKED]
    better = compare_with(TRAIN, wrong * 20, [True] * 60, "intent_accuracy")
    assert better is not None
    assert better.is_beaten


def test_where_there_is_nothing_to_tell_apart_there_is_no_comparison() -> None:
    assert compare_with(TRAIN[:3], ASKED, [True] * 3, "intent_accuracy") is None
    assert compare_with(TRAIN, [], [], "intent_accuracy") is None
