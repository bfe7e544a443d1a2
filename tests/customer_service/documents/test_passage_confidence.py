"""From which confidence a passage is quoted."""

from __future__ import annotations

import numpy as np

from apps.customer_service.documents.confidence import FEATURES, fit_passage_confidence


def test_a_budget_out_of_reach_quotes_no_more_than_one_within_it() -> None:
    """One question in 14 is wrong for no reason that the signals show."""
    random = np.random.default_rng(0)
    found = random.normal(3, 1, size=(400, len(FEATURES)))
    right = (random.random(400) < 0.93) & (found[:, 0] > 1.5)
    near, far = (random.normal(-1, 1, size=(400, len(FEATURES))) for _ in range(2))
    fitted = [
        fit_passage_confidence(found, right, near, far, budget)
        for budget in (0.0, 0.01, 0.02, 0.03, 0.04, 0.06)
    ]
    thresholds = [one.threshold for one in fitted]
    assert thresholds == sorted(thresholds, reverse=True)
    assert fitted[0].wrong > 0, "a budget that is out of reach"
