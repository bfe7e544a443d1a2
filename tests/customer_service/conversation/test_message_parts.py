"""Which parts of one message are answered apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from apps.customer_service.answers.answering import prepare
from apps.customer_service.answers.retrieval import Candidate
from apps.customer_service.conversation.context import Reading
from apps.customer_service.conversation.message import take_apart
from apps.customer_service.conversation.parting import part
from apps.customer_service.conversation.patterns import load_patterns
from apps.customer_service.schema import Answer, Citation

PATTERNS = load_patterns()


class Known:
    """In the place of a reader: text → what is found for it, and how sure that is."""

    def __init__(self, found: Mapping[str, tuple[list[str], float]]) -> None:
        self.found = found

    def read(self, text: str) -> Reading:
        faq_ids, confidence = self.found[text]
        candidates = [Candidate(one, 0.5, 0.5, 0.5, 0.0, 0.0) for one in faq_ids]
        answer = Answer(
            id="a", release_id="r", decision="answer" if confidence > 0.9 else "clarify",
            answer=None, confidence=confidence, intent=None, suggestions=[], handoff=None,
            citations=[Citation(faq_id=faq_ids[0], question="", score=0.5)], timings_ms={},
        )  # fmt: skip
        return Reading(text, candidates, answer)

    def blend(self, text: str, weights: object) -> Reading:
        return self.read(text)


def parts_of(message: str, found: Mapping[str, tuple[list[str], float]]) -> list[tuple[str, str]]:
    reader: Any = Known(found)
    taken = take_apart(prepare(message), [], {}, PATTERNS)
    found_parts = part(reader, taken, PATTERNS)
    return [(one.citations[0].faq_id, one.question) for one in found_parts]


def test_what_tells_of_a_question_takes_no_place_from_it() -> None:
    message = "我要换点美元再汇给儿子,换汇怎么弄,汇过去收多少钱"
    told, exchange, remit = message.split(",")
    found = {message: (["fx", "remit"], 0.5), told: (["remit"], 0.8)}
    found |= {exchange: (["fx"], 0.5), remit: (["remit"], 0.4)}
    assert parts_of(message, found) == [("fx", exchange), ("remit", remit)]


@pytest.mark.parametrize(("sure", "parted"), [(0.8, True), (0.6, False)])
def test_two_troubles_that_are_only_told_are_two_if_each_is_clear(
    sure: float, parted: bool
) -> None:
    message = "my card was refused in the shop, and tapping at the till fails as well since then"
    refused, tapping = message.split(", and ")
    found = {message: (["refused", "tapping"], 0.5)}
    found |= {refused: (["refused"], 0.8), tapping: (["tapping"], sure)}
    assert [faq_id for faq_id, _ in parts_of(message, found)] == ["refused", "tapping"] * parted
    # Where the whole is answered for sure, they tell of one.
    assert parts_of(message, {**found, message: (["refused", "tapping"], 0.95)}) == []


@pytest.mark.parametrize(("sure", "parted"), [(0.8, True), (0.6, False)])
def test_what_is_added_is_a_part_if_it_is_clear_though_it_asks_nothing(
    sure: float, parted: bool
) -> None:
    message = "open an account for my son. also savings for him"
    account, savings = message.split(" also ")
    found = {message: (["child", "savings"], 0.95), account: (["child"], 0.95)}
    found |= {savings: (["savings"], sure)}
    assert [faq_id for faq_id, _ in parts_of(message, found)] == ["child", "savings"] * parted
