from __future__ import annotations

import numpy as np
import pytest

from apps.customer_service.answers.confidence import (
    FEATURES,
    Confidence,
    Foreign,
    features,
    fit_confidence,
)
from apps.customer_service.answers.retrieval import Candidate

INTENTS = {"card": 0.7, "loan": 0.2, "out_of_scope": 0.1}


def _candidate(faq_id: str, score: float, lexical: float = 0.5) -> Candidate:
    return Candidate(faq_id, score, score, score, lexical, 0.4)


NONE = np.empty((0, len(FEATURES)))
ALL = np.ones(1000, dtype=bool)
NO_FOREIGN = Foreign(NONE, np.empty(0, dtype=np.int64), NONE)


def _fitted(records: int = 600) -> tuple[Confidence, np.ndarray]:
    random = np.random.default_rng(0)
    signals = random.normal(size=(records, len(FEATURES)))
    right = random.random(records) < 1 / (1 + np.exp(-4 * signals[:, 0] - 1))
    among = right | (signals[:, 1] > 0.5)
    return fit_confidence(signals, right, among, ALL[:records], 0.05, NO_FOREIGN), signals


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
    assert confidence.threshold == 0.8


def test_what_cannot_be_shown_answers_no_more_than_a_weaker_promise_that_is() -> None:
    """One question in 25 is wrong for no reason that the signals show, and many near .8."""
    random = np.random.default_rng(5)
    signals = random.normal(size=(1200, len(FEATURES)))
    right = random.random(1200) < 0.96 / (1 + np.exp(-2 * signals[:, 0] - 1.5))
    every = np.ones(1200, dtype=bool)
    fitted = {
        budget: fit_confidence(signals, right, right, every, budget, NO_FOREIGN)
        for budget in (0.005, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1)
    }
    assert {one.proven for one in fitted.values()} == {False, True}
    assert any(one.proven and one.threshold > 0.8 for one in fitted.values())
    thresholds = [one.threshold for one in fitted.values()]
    assert thresholds == sorted(thresholds, reverse=True)
    for budget, one in fitted.items():
        if one.proven:
            assert one.least_shown is None
            continue
        assert one.least_shown is not None
        assert one.least_shown > budget
        weaker = fit_confidence(signals, right, right, every, one.least_shown, NO_FOREIGN)
        assert weaker.proven
        assert one.threshold == max(0.8, weaker.threshold)
        assert Confidence.from_json(one.to_json()).least_shown == one.least_shown


def test_it_is_read_back_as_it_was() -> None:
    confidence, signals = _fitted()
    again = Confidence.from_json(confidence.to_json())
    assert [again.decide(row) for row in signals] == [confidence.decide(row) for row in signals]


def test_without_one_wrong_answer_foreign_questions_are_held_back() -> None:
    random = np.random.default_rng(1)
    asked, near, far = (random.normal(mean, 1, (300, len(FEATURES))) for mean in (1.5, 0, -2))
    right = np.ones(300, dtype=bool)
    blind = fit_confidence(asked, right, right, right, 0.05, NO_FOREIGN)
    assert all(blind.decide(row)[1] == "answer" for row in far)
    foreign = Foreign(near[:150], np.arange(150), far[:150])
    confidence = fit_confidence(asked, right, right, right, 0.05, foreign)
    assert confidence.held_back is not None
    for kind, least in ((near[150:], 0.8), (far[150:], 0.97)):
        decided = [confidence.decide(row)[1] for row in kind]
        assert np.mean([decision != "answer" for decision in decided]) >= least
    # The second calibrator has seen them, too: it asks nobody back about them.
    assert all(confidence.decide(row)[1] == "handoff" for row in far[150:])
    fresh = random.normal(1.5, 1, (300, len(FEATURES)))
    assert np.mean([confidence.decide(row)[1] == "answer" for row in fresh]) >= 0.85


def test_a_threshold_is_never_below_what_near_misses_need() -> None:
    """Even where it costs most of the right answers: near misses look just like them."""
    random = np.random.default_rng(2)
    asked = random.normal(0, 1, (300, len(FEATURES)))
    right = np.ones(300, dtype=bool)
    near = Foreign(asked, np.arange(300), NONE)
    confidence = fit_confidence(asked, right, right, right, 0.05, near)
    assert confidence.held_back is not None
    assert confidence.held_back.near is not None
    assert confidence.held_back.near >= 0.8


def test_candidates_are_shown_for_hardly_any_far_question() -> None:
    """Though the few questions that were asked all had their answer among the first three."""
    random = np.random.default_rng(3)
    asked = random.normal(0.5, 1, (40, len(FEATURES)))
    far = random.normal(-0.5, 1, (600, len(FEATURES)))
    right = random.random(40) < 0.7
    foreign = Foreign(NONE, np.empty(0, dtype=np.int64), far[:300])
    confidence = fit_confidence(asked, right, ALL[:40], ALL[:40], 0.05, foreign)
    decided = [confidence.decide(row)[1] for row in far[300:]]
    assert np.mean([decision == "handoff" for decision in decided]) >= 0.9


def test_questions_labelled_out_of_scope_count_more_than_made_ones() -> None:
    """Near misses that look like answers cost little where the user's own questions tell."""
    random = np.random.default_rng(4)
    signals = random.normal(size=(1000, len(FEATURES)))
    outside = np.arange(1000) < 100
    signals[outside] -= 2.0
    right = ~outside & (random.random(1000) < 1 / (1 + np.exp(-3 * signals[:, 0] - 2)))
    near = Foreign(signals[100:600] - 0.3, np.arange(100, 600), NONE)
    labelled = fit_confidence(signals, right, right, ~outside, 0.05, near)
    unlabelled = fit_confidence(signals, right, right, ALL, 0.05, near)
    sure = [np.mean(one.first.probability(signals[right])) for one in (labelled, unlabelled)]
    assert sure[0] > sure[1]
