from __future__ import annotations

from common.evaluation.linear import compare_with, predict_linear

TRAIN = [
    ("my card was stolen", "card"), ("I lost my debit card", "card"), ("block the card", "card"),
    ("房贷利率是多少", "loan"), ("贷款怎么申请", "loan"), ("提前还房贷", "loan"),
    ("🚀🚀", "up"), ("to the moon 🚀", "up"), ("🚀 again", "up"),
]  # fmt: skip
ASKED = [("somebody has stolen the card", "card"), ("房贷能提前还吗", "loan"), ("🚀🚀🚀", "up")]


def test_words_characters_and_symbols_tell_labels_apart() -> None:
    texts, labels = zip(*TRAIN, strict=True)
    assert predict_linear(texts, labels, [text for text, _ in ASKED]) == ["card", "loan", "up"]


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
