"""Every decision has its sentences, in both languages, and none has a place left unfilled."""

from __future__ import annotations

import pytest
from sample import Demo

from apps.customer_service.explaining.account import account
from apps.customer_service.release import load_release
from common.evaluation.explanation.explanation import Explanation
from common.learning.schema import PERSON, RULE, Prediction
from common.releases.registry import Registry


@pytest.mark.parametrize(
    ("decision", "given", "said"),
    [
        ("answer", {"faq_id": "en-card-lost", "confidence": 0.93}, ("93.0%", "en-card-lost")),
        ("answer", {"document": "fees.pdf", "confidence": 0.9}, ("fees.pdf", "90.0%")),
        ("answer", {"kind": "smalltalk"}, ("smalltalk",)),
        ("chat", {"kind": "greeting"}, ("greeting",)),
        ("clarify", {"faq_id": "en-card-lost", "confidence": 0.4}, ("40.0%", "en-card-lost")),
        ("handoff", {"confidence": 0.1}, ("10.0%",)),
        (PERSON, {"kind": "distress"}, ("distress",)),
        (RULE, {"rule": "No advice <b>"}, ("No advice <b>",)),
        ("answer", {"faq_id": "gone since", "confidence": None}, ("0.0%", "gone since")),
    ],
)
def test_each_decision_has_its_sentences(
    demo: Demo, decision: str, given: dict[str, object], said: tuple[str, ...]
) -> None:
    release = Registry(demo.store, "customer_service").open()
    answerer = load_release(release, device="cpu")
    prediction = Prediction(
        id="1", at=0, source="page", subject=None, release_id="R1", text="?",
        decision=decision, given=given,
    )  # fmt: skip
    found = account(prediction, Explanation("R1", "?", [], []), answerer)
    for language in ("en", "zh"):
        assert found["customer"][language]
        audited = found["auditor"][language]
        assert "R1" in audited
        assert all(one in audited for one in said)
        assert "{" not in audited + found["customer"][language]
    assert found["customer"]["en"] != found["customer"]["zh"]
