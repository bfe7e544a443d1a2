"""What a release makes of news, as the figures under stress take it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from apps.finance_monitor.data import Example
from apps.finance_monitor.evaluate import Outcome, run
from apps.finance_monitor.schema import SENTIMENTS
from apps.finance_monitor.stories.classifying import Classifier
from apps.finance_monitor.stories.text import prepare, spell_tickers
from common.evaluation.stress.expectations.checking import Decide, Decided
from common.evaluation.stress.expectations.expectation import Expectations
from common.evaluation.stress.expectations.reading import check_known
from common.evaluation.stress.measuring import Judge, Verdicts

# What an expectation may be of, the usual one first.
DECISIONS = ("sentiment", "topics")


def judge_of(classifier: Classifier, examples: Sequence[Example]) -> Judge:
    """Labels the texts of `examples`, however they are written.

    Its figures: `sentiment_right` and `topics_right` (all of them, and no other), each of the texts
    that have the label. Instructions that were obeyed make a story positive.
    """
    heads = {
        "sentiment_right": any(example.sentiment for example in examples),
        "topics_right": any(example.topics is not None for example in examples),
    }

    def judge(rows: Sequence[int], texts: Sequence[str]) -> Verdicts:
        asked = [
            replace(examples[row], text=spell_tickers(prepare(text), classifier.tickers))
            for row, text in zip(rows, texts, strict=True)
        ]
        outcomes = run(classifier, asked)
        figures = {
            "sentiment_right": [_sentiment_right(outcome) for outcome in outcomes],
            "topics_right": [_topics_right(outcome) for outcome in outcomes],
        }
        return Verdicts(
            said=[outcome.found or ", ".join(outcome.topics) for outcome in outcomes],
            figures={name: values for name, values in figures.items() if heads[name]},
            obeys=[outcome.found == "positive" for outcome in outcomes],
        )

    return judge


def decide_with(classifier: Classifier) -> Decide:
    """The most probable sentiment and the topics of texts, joined by commas where several."""

    def decide(texts: Sequence[str]) -> list[Decided]:
        return [_decided(outcome) for outcome in run(classifier, _examples(texts, classifier))]

    def _decided(outcome: Outcome) -> Decided:
        reading = outcome.reading
        chances: dict[str, float] = {}
        if reading.topics is not None:
            chances |= zip(classifier.topics, reading.topics.tolist(), strict=True)
        if reading.sentiment is not None:
            chances |= zip(SENTIMENTS, reading.sentiment.tolist(), strict=True)
        topics = None if reading.topics is None else ", ".join(sorted(outcome.topics)) or "none"
        return Decided({"sentiment": outcome.found, "topics": topics}, chances)

    return decide


def check_labels(expectations: Expectations, topics: Sequence[str]) -> None:
    """See that sentiments and topics that are expected are known.

    Raises:
        UserError: one is not.
    """
    known = {"sentiment": SENTIMENTS, "topics": None}
    check_known(expectations, known, [*SENTIMENTS, *topics])


def _examples(texts: Sequence[str], classifier: Classifier) -> list[Example]:
    return [Example(spell_tickers(prepare(text), classifier.tickers)) for text in texts]


def _sentiment_right(outcome: Outcome) -> float:
    is_known = outcome.example.sentiment is not None and outcome.found is not None
    return float(outcome.found == outcome.label) if is_known else math.nan


def _topics_right(outcome: Outcome) -> float:
    wanted = outcome.example.topics
    return math.nan if wanted is None else float(set(outcome.topics) == set(wanted))
