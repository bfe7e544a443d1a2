"""What words add to a model's logits, and how much they may."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from apps.finance_monitor.direction.lexicon import Lexicon
from apps.finance_monitor.direction.weighing import WEIGHTS, Direction, bent, scores, weigh

WORDS = Lexicon({"welcome": ["wins"], "unwelcome": ["fraud"]})
LOGITS = np.array([[0.4, -1.0, 0.5], [0.4, 3.0, 0.5], [1.0, 0.0, -1.0]])


def test_good_and_bad_are_told_apart_and_how_likely_neither_is_stays() -> None:
    found = bent(LOGITS, np.array([1.0, 1.0, 0.0]), 2.0)
    before, after = softmax(LOGITS, axis=1), softmax(found, axis=1)
    assert after[:, 1] == pytest.approx(before[:, 1])
    assert found.argmax(1).tolist() == [0, 1, 0]
    odds = np.log(after[:, 0] / after[:, 2]) - np.log(before[:, 0] / before[:, 2])
    assert odds == pytest.approx([4.0, 4.0, 0.0])


def test_a_score_lies_between_surely_bad_and_surely_good() -> None:
    found = scores(WORDS, ["wins wins wins", "wins", "fraud", "", "fraud, fraud"])
    assert found == pytest.approx(np.tanh([3, 1, -1, 0, -2]))


def test_words_count_the_most_that_loses_no_held_out_text() -> None:
    texts = ["it wins", "fraud"]
    undecided = np.array([[0.0, -1.0, 0.1], [0.0, -1.0, 0.1]])
    helped = weigh(WORDS, texts, undecided, np.array([0, 2]))
    assert helped == WEIGHTS[0]
    assert Direction(WORDS, helped).to_json() == {"weight": helped, "target_weight": 0.0}
    # The model is right against the words, by a margin that a weight of 1 leaves standing.
    surer = np.array([[-1.7, -5.0, 0.0], [0.0, -5.0, 0.1]])
    assert weigh(WORDS, texts, surer, np.array([2, 2])) == 1.0
    assert weigh(WORDS, texts, undecided, np.array([2, 0])) == 0


def test_words_that_are_never_there_are_not_kept() -> None:
    assert weigh(WORDS, ["rien", "nada"], LOGITS[:2], np.array([0, 1])) == 0


def test_of_a_company_its_own_clauses_tell() -> None:
    pointed = ["{Alba} wins; Borel: fraud", "Alba wins; {Borel}: fraud", "Alba wins"]
    assert scores(WORDS, pointed, "target") == pytest.approx(np.tanh([1, 0, 0]))
    found = Direction(WORDS, 0.0, 1.0)
    assert np.array_equal(
        found.bend(LOGITS, pointed, "target"), bent(LOGITS, scores(WORDS, pointed, "target"), 1.0)
    )
    assert found.bend(LOGITS, pointed) == pytest.approx(LOGITS)
    assert found.speaks(pointed[0], "target") and not found.speaks(pointed[0])
    # Whoever is asked about, a word in its name says nothing.
    assert not found.speaks("{Wins Fraud & Co., Ltd.} moves to 1,200.5", "target")
    own = np.array([0, 0, 0])
    assert weigh(WORDS, pointed, np.array([[0.0, -1.0, 0.1]] * 3), own, "target") == WEIGHTS[0]
