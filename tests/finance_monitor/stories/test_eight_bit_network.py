"""A story is read from a network's outputs, whatever computed them, and without torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pytest

from apps.finance_monitor.direction.lexicon import Lexicon
from apps.finance_monitor.direction.weighing import Direction
from apps.finance_monitor.schema import SENTIMENTS
from apps.finance_monitor.stories.classifying import Classifier
from apps.finance_monitor.stories.network import EightBit, Floats

HEADS = ["sentiments.directions", "topics.directions", "topic_bias"]


class Reader:
    """Says the same of every text."""

    def outputs(self, texts: Sequence[str]) -> dict[str, Floats]:
        rows = np.ones((len(texts), 1), dtype=np.float32)
        return {
            "sentiment_logits": rows * np.float32([2.0, 0.0, 0.0]),
            "topic_logits": rows * np.float32([0.0, 4.0]),
        }


def network(heads: Sequence[str] = HEADS) -> EightBit:
    def load() -> Any:
        raise AssertionError("the weights are not needed")

    return EightBit(cast(Any, Reader()), heads, load)


def test_what_it_tells_is_seen_from_its_heads() -> None:
    found = network()
    assert (found.has_sentiment, found.has_targets, found.has_many_topics) == (True, False, True)
    found = network(["targets.frequencies", "targets.phases", "topics.directions"])
    assert (found.has_sentiment, found.has_targets, found.has_many_topics) == (False, True, False)


def test_probabilities_are_calibrated_and_topics_stand_alone() -> None:
    classifier = Classifier("one", network(), ["a", "b"], {"sentiment": 2.0})
    [reading] = classifier.read(["text"])
    assert reading.sentiment is not None and reading.topics is not None
    odds = np.exp([1.0, 0.0, 0.0])
    assert reading.sentiment.tolist() == pytest.approx((odds / odds.sum()).tolist())
    assert reading.topics.tolist() == pytest.approx([0.5, 1 / (1 + np.exp(-4))])
    assert len(reading.sentiment) == len(SENTIMENTS)
    assert reading.target is None
    words = Direction(Lexicon({"unwelcome": ["fraud"]}), 2.0)
    directed = Classifier("one", network(), ["a", "b"], {"sentiment": 2.0}, direction=words)
    bad, plain = directed.read(["fraud", "text"])
    assert plain.sentiment is not None and bad.sentiment is not None
    assert plain.sentiment == pytest.approx(reading.sentiment)
    assert SENTIMENTS[int(bad.sentiment.argmax())] == "negative"
    # One topic a text: a softmax over them.
    one = Classifier("one", network(["topics.directions"]), ["a", "b"]).read(["text"])[0]
    assert one.topics is not None and one.topics.sum() == pytest.approx(1)
