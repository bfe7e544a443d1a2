from __future__ import annotations

import numpy as np
import pytest

from apps.customer_service.confidence import FEATURES, Confidence, features, fit_confidence
from apps.customer_service.retrieval import Candidate

INTENTS = {"card": 0.7, "loan": 0.2, "out_of_scope": 0.1}


def _candidate(faq_id: str, score: float, lexical: float = 0.5) -> Candidate:
    return Candidate(faq_id, score, score, score, lexical, 0.4)


def _fitted(records: int = 600) -> tuple[Confidence, np.ndarray]:
    random = np.random.default_rng(0)
    signals = random.normal(size=(records, len(FEATURES)))
    right = random.random(records) < 1 / (1 + np.exp(-4 * signals[:, 0] - 1))
    among = right | (signals[:, 1] > 0.5)
    return fit_confidence(signals, right, among, 0.05), signals


def test_there_is_one_signal_a_feature_whatever_was_found() -> None:
    found = features([_candidate("a", 0.9), _candidate("b", 0.6)], INTENTS, 0.8, {"a": "card"})
    assert found.shape == (len(FEATURES),)
    assert found[FEATURES.index("margin")] == pytest.approx(0.3)
    assert found[FEATURES.index("faq_intent")] == pytest.approx(0.7)
    for candidates in ([], [_candidate("a", 0.9)]):
        for intents in ({}, {"card": 1.0}, INTENTS):
            signals = features(candidates, intents, 0.0, {})
            assert signals.shape == (len(FEATURES),)
            assert np.isfinite(signals).all()


def test_the_surer_the_signals_the_likelier_an_answer() -> None:
    confidence, signals = _fitted()
    assert confidence.proven
    decided = [confidence.decide(row) for row in signals]
    by_decision = {
        name: [p for p, decision in decided if decision == name]
        for name in ("answer", "clarify", "handoff")
    }
    assert all(by_decision.values())
    assert min(by_decision["answer"]) >= confidence.threshold
    assert max(by_decision["clarify"] + by_decision["handoff"]) < confidence.threshold


def test_too_few_records_prove_nothing_and_answer_only_what_is_nearly_certain() -> None:
    confidence, _ = _fitted(records=30)
    assert not confidence.proven
    assert confidence.threshold == 0.9


def test_it_is_read_back_as_it_was() -> None:
    confidence, signals = _fitted()
    again = Confidence.from_json(confidence.to_json())
    assert [again.decide(row) for row in signals] == [confidence.decide(row) for row in signals]
