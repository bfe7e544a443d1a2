"""Words with their places, words left out, and the nearest examples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from common.errors import UserError
from common.evaluation.explanation import attribution
from common.evaluation.explanation.attribution import occlusion, pick_method
from common.evaluation.explanation.neighbours import Examples
from common.evaluation.explanation.words import places_in, weighed, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don't panic, pay 1,200 now!", ["Don't", "panic", "pay", "1,200", "now"]),
        ("银行卡丢了，怎么办？", ["银行卡", "丢", "了", "怎么办"]),
        ("信用卡 limit 提高", ["信用卡", "limit", "提高"]),
    ],
)
def test_words_stand_where_they_are_said_to(text: str, words: list[str]) -> None:
    found = words_of(text)
    assert [word.text for word in found] == words
    assert all(text[word.start : word.end] == word.text for word in found)


def test_what_the_model_read_is_found_again_in_the_text_that_was_written() -> None:
    text = "Ｗｈｅｒｅ  is my 信用卡賬單, bob@example.com?"
    read = "query: where is my 信用卡账单, [email]?"
    places = places_in(read, text)
    assert text[places[read.index("where")] or 0] == "Ｗ"
    assert text[places[read.index("账单")] or 0] == "賬"
    assert places[0] is None
    assert text[places[len(read) - 1] or 0] == "?"


def test_a_token_gives_its_weight_to_its_words_and_a_comma_to_none() -> None:
    weights = weighed("ab, cd", "ab, cd", [(0, 2), (2, 3), (4, 5), (5, 6)], [1.0, 9.0, 2.0, 3.0])
    assert [(word.text, word.weight) for word in weights] == [("ab", 1.0), ("cd", 5.0)]


def test_leaving_words_out_finds_what_a_linear_score_is_made_of() -> None:
    worth = {"bad": -2.0, "good": 3.0}

    def score(texts: Sequence[str]) -> NDArray[np.float64]:
        return np.array([sum(worth.get(word, 0.0) for word in text.split()) for text in texts])

    found = occlusion("good news and bad news", score)
    assert [word.weight for word in found] == [3.0, 0.0, 0.0, -2.0, 0.0]


def test_a_long_text_costs_no_more_passes_than_a_bounded_one() -> None:
    asked: list[int] = []

    def score(texts: Sequence[str]) -> NDArray[np.float64]:
        asked.append(len(texts))
        return np.array([float(text.count("x")) for text in texts])

    found = occlusion("x " * 1000, score)
    assert len(found) == 1000
    assert asked[0] <= attribution.MOST_PARTS + 1
    assert sum(word.weight for word in found) == pytest.approx(1000)


def test_gradients_without_captum_name_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attribution, "find_spec", lambda name: None)
    assert pick_method(None) == "occlusion"
    with pytest.raises(UserError, match=r"bizlm\[explain\]"):
        pick_method("gradients")


def test_the_nearest_examples_come_first_and_equal_ones_once() -> None:
    vectors = np.array([[0, 1], [1, 0], [1, 0], [1, 1]], dtype=np.float32)
    examples = Examples(["far", "same", "same", "near"], ["a", "b", "b", "c"], vectors)
    found = examples.nearest(np.array([2, 0], dtype=np.float32), 2)
    assert [(one.text, one.label) for one in found] == [("same", "b"), ("near", "c")]
    assert found[1].cosine == pytest.approx(2**-0.5)
