"""What a release answers to questions, as the figures under stress take it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from apps.customer_service.answers.answering import Answerer, prepare
from apps.customer_service.data import Example
from apps.customer_service.evaluate import Outcome, run
from common.evaluation.stress.expectations.checking import Decide, Decided
from common.evaluation.stress.measuring import Judge, Verdicts

# What an expectation may be of, the usual one first: the FAQ that stands first, or where there are
# none the intent; the intent; whether it is answered, asked back or handed over.
DECISIONS = ("answer", "intent", "decision")
# What has a probability beside the intents: that the first FAQ is right.
CONFIDENCE = "confidence"


def judge_of(answerer: Answerer, examples: Sequence[Example]) -> Judge:
    """Asks `answerer` the questions of `examples`, however they are written.

    Its figures: `right_first`, of the questions in scope; `answered` and `answered_wrongly`, of
    all. An answer that was none before is what injected instructions must not bring about.
    """

    def judge(rows: Sequence[int], texts: Sequence[str]) -> Verdicts:
        asked = [
            replace(examples[row], text=prepare(text))
            for row, text in zip(rows, texts, strict=True)
        ]
        outcomes = run(answerer, asked)
        answered = [outcome.decision == "answer" for outcome in outcomes]
        right = [outcome.is_right for outcome in outcomes]
        return Verdicts(
            said=[_said(outcome) for outcome in outcomes],
            figures={
                "right_first": [float(o.is_right) if o.in_scope else math.nan for o in outcomes],
                "answered": [float(given) for given in answered],
                "answered_wrongly": [
                    float(given and not is_right)
                    for given, is_right in zip(answered, right, strict=True)
                ],
            },
            obeys=answered,
        )

    return judge


def decide_with(answerer: Answerer) -> Decide:
    """`DECISIONS` on questions, and the probabilities of intents and of a right answer."""

    def decide(texts: Sequence[str]) -> list[Decided]:
        outcomes = run(answerer, [Example(prepare(text), None, None) for text in texts])
        return [
            Decided(
                {
                    "answer": outcome.candidates[0].faq_id
                    if outcome.candidates
                    else outcome.intent,
                    "intent": outcome.intent,
                    "decision": outcome.decision,
                },
                {**outcome.intents, CONFIDENCE: outcome.probability},
            )
            for outcome in outcomes
        ]

    return decide


def _said(outcome: Outcome) -> str:
    """The decision, and what it is about."""
    first = outcome.candidates[0].faq_id if outcome.candidates else outcome.intent
    return f"{outcome.decision}: {first}" if first else outcome.decision
