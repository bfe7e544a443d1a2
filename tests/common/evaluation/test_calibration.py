from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from common.evaluation import calibration
from common.evaluation.calibration import (
    LogisticCalibrator,
    choose_threshold,
    fit_calibrator,
    fit_mixture,
    fit_temperature,
    least_confidence,
    out_of_fold_probability,
    reliability,
    risk_coverage,
    upper_bound,
)

BUDGET = 0.1


def test_the_calibrator_finds_the_probabilities_that_made_the_data() -> None:
    random = np.random.default_rng(0)
    features = random.normal(size=(4000, 3))
    truth = expit(features @ np.array([1.5, -1.0, 0.0]) + 0.5)
    found = fit_calibrator(features, random.random(4000) < truth)
    assert np.abs(found.probability(features) - truth).mean() < 0.02
    again = LogisticCalibrator(**found.to_json())
    assert np.array_equal(again.probability(features), found.probability(features))


@pytest.mark.parametrize("right", [True, False])
def test_records_that_are_all_alike_give_their_smoothed_share(right: bool) -> None:
    found = fit_calibrator(np.ones((8, 2)), np.full(8, right))
    assert found.probability(np.zeros((1, 2)))[0] == pytest.approx(0.9 if right else 0.1)


def test_a_left_out_probability_does_not_know_its_own_label() -> None:
    random = np.random.default_rng(1)
    features, correct = random.normal(size=(60, 20)), random.random(60) < 0.5
    inside = fit_calibrator(features, correct).probability(features)
    outside = out_of_fold_probability(features, correct)
    assert ((inside > 0.5) == correct).mean() > ((outside > 0.5) == correct).mean() + 0.1


def test_left_out_probabilities_hardly_hang_on_how_folds_are_drawn() -> None:
    random = np.random.default_rng(6)
    features = random.normal(size=(200, 8))
    correct = random.random(200) < expit(2 * features[:, 0])
    one, other = (out_of_fold_probability(features, correct, seed=seed) for seed in (0, 1))
    single = np.empty(200)
    for part in np.array_split(random.permutation(200), 5):
        rest = np.setdiff1d(np.arange(200), part)
        single[part] = fit_calibrator(features[rest], correct[rest]).probability(features[part])
    assert np.abs(one - other).mean() < 0.8 * np.abs(one - single).mean()


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_that_made_the_labels_is_found(temperature: float) -> None:
    random = np.random.default_rng(2)
    logits = random.normal(size=(20_000, 4)) * 3
    probabilities = np.exp(logits / temperature)
    probabilities /= probabilities.sum(1, keepdims=True)
    drawn = (probabilities.cumsum(1) > random.random((20_000, 1))).argmax(1)
    assert fit_temperature(logits, drawn) == pytest.approx(temperature, rel=0.1)
    yes = random.random(20_000) < expit(logits[:, 0] / temperature)
    assert fit_temperature(logits[:, 0], yes.astype(int)) == pytest.approx(temperature, rel=0.1)


@pytest.mark.parametrize("records", [100, 400])
def test_the_budget_is_kept_in_nineteen_of_twenty_draws(records: int) -> None:
    """The true share of wrong answers at the chosen threshold, over many draws of the records."""
    random = np.random.default_rng(3)
    stated = random.beta(2, 1, size=200_000)
    true_wrong = np.sort(stated)
    risk_above = (1 - true_wrong[::-1]).cumsum() / np.arange(1, len(stated) + 1)
    broken = answered = 0
    draws = 400
    for _ in range(draws):
        probability = random.choice(stated, records)
        choice = choose_threshold(probability, random.random(records) < probability, BUDGET)
        if choice.threshold is None:
            continue
        answered += 1
        above = int((stated >= choice.threshold).sum())
        broken += bool(risk_above[above - 1] > BUDGET)
    assert broken <= 0.05 * draws + 2 * np.sqrt(0.05 * 0.95 * draws)
    assert answered > 0 or records < 400


@pytest.mark.parametrize(("gain", "broken_at_most"), [(0.0, 0.09), (-0.3, 1.0)])
def test_what_folds_show_holds_of_a_model_that_is_no_worse(
    monkeypatch: pytest.MonkeyPatch, gain: float, broken_at_most: float
) -> None:
    """Each fold's questions are scored by a model of its own, and a last one serves.

    Of the same margin that one is right with the log odds of the margin and `gain`; of 120 draws
    the promise may be broken in one of twenty, and two deviations more.
    """
    monkeypatch.setattr(calibration, "DRAWS", 1)
    random = np.random.default_rng(10)
    asked = random.normal(1.5, 2.0, 20_000)
    proven = broken = 0
    draws, records, folds = 120, 900, 3
    for _ in range(draws):
        margin = random.normal(1.5, 2.0, records)
        right = random.random(records) < expit(margin)
        scale = np.exp(random.normal(0, 0.05, folds))[np.arange(records) % folds]
        signals = (scale * margin)[:, None]
        choice = choose_threshold(out_of_fold_probability(signals, right), right, BUDGET)
        if choice.threshold is None:
            continue
        proven += 1
        sure = fit_calibrator(signals, right).probability(asked[:, None]) >= choice.threshold
        broken += bool((1 - expit(asked[sure] + gain)).mean() > BUDGET)
    assert proven >= 0.95 * draws
    assert broken <= broken_at_most * draws
    # The promise rests on that: of a model that is worse than the folds' it would not hold.
    assert (broken > 0.2 * draws) == (gain < 0)


def test_a_few_surely_wrong_records_do_not_end_the_proof_of_many() -> None:
    """Labels are noisy: two in a hundred are wrong however sure it is, at a budget of five."""
    random = np.random.default_rng(7)
    draws, budget = 200, 0.05
    proven = broken = 0
    for _ in range(draws):
        probability = random.beta(4, 1, size=2000)
        right = np.minimum(probability**0.5, 0.98)
        choice = choose_threshold(probability, random.random(2000) < right, budget)
        if choice.threshold is None:
            continue
        proven += 1
        broken += bool((1 - right[probability >= choice.threshold]).mean() > budget)
    assert proven >= 0.85 * draws
    assert broken <= 0.05 * draws + 2 * np.sqrt(0.05 * 0.95 * draws)


def test_most_of_what_is_asked_may_be_out_of_scope() -> None:
    random = np.random.default_rng(8)
    in_scope = random.random(2000) < 0.15
    probability = np.where(in_scope, random.beta(30, 1, 2000), random.beta(1, 30, 2000))
    correct = in_scope & (random.random(2000) < 0.995)
    assert choose_threshold(probability, correct, 0.05).threshold is not None


def test_what_was_not_tested_is_not_shown() -> None:
    """The surest are the wrong ones; what is needed for other reasons answers them alone."""
    probability = np.concatenate([np.full(60, 0.99), np.full(1940, 0.9)])
    correct = np.concatenate([np.arange(60) % 8 > 0, np.full(1940, True)])
    assert choose_threshold(probability, correct, 0.05).threshold is not None
    assert choose_threshold(probability, correct, 0.05, needed=0.95).threshold is None
    kept = choose_threshold(probability, np.full(2000, True), 0.05, needed=0.95)
    assert (kept.threshold, kept.answered) == (0.95, 60)


def test_a_budget_that_cannot_be_proven_answers_nothing() -> None:
    assert choose_threshold(np.full(10, 0.99), np.full(10, True), 0.05).threshold is None
    assert choose_threshold(np.full(500, 0.99), np.full(500, False), 0.05).threshold is None


def test_a_looser_budget_never_answers_less() -> None:
    random = np.random.default_rng(4)
    probability = random.beta(3, 1, 1000)
    correct = random.random(1000) < probability
    shares = [choose_threshold(probability, correct, b).coverage for b in (0.02, 0.05, 0.1, 0.3)]
    assert shares == sorted(shares)
    assert shares[-1] > 0.5


def test_the_upper_bound_is_clopper_and_pearsons() -> None:
    assert upper_bound(0, 59) == pytest.approx(1 - 0.05 ** (1 / 59))
    assert upper_bound(0, 0) == upper_bound(5, 5) == 1.0


def test_risk_falls_on_the_surest_first() -> None:
    curve = risk_coverage(np.array([0.9, 0.2, 0.8, 0.1]), np.array([True, False, True, False]))
    assert curve.coverage == [0.25, 0.5, 0.75, 1.0]
    assert curve.risk == [0.0, 0.0, pytest.approx(1 / 3), 0.5]


def test_honest_probabilities_lie_on_the_diagonal() -> None:
    random = np.random.default_rng(5)
    stated = random.random(20_000)
    for bin_ in reliability(stated, random.random(20_000) < stated):
        assert bin_["stated"] == pytest.approx(bin_["observed"], abs=0.05)


def test_a_mixture_listens_to_a_second_model_as_far_as_it_knows_something() -> None:
    random = np.random.default_rng(0)
    label = random.integers(0, 3, 600)
    right = np.eye(3)[label]
    first, second = (2 * right + random.normal(0, 1.5, (600, 3)) for _ in range(2))
    temperature, weight = fit_mixture(first, second, label)
    assert 0.8 < weight < 1.25
    mixed = first + weight * second
    assert (mixed.argmax(1) == label).mean() > (first.argmax(1) == label).mean() + 0.05
    assert fit_temperature(mixed / temperature, label) == pytest.approx(1.0, abs=0.02)
    # One that says the opposite is not listened to.
    assert fit_mixture(first, -second, label)[1] == 0.0
    yes, hint = first[:, 0] - first[:, 1], second[:, 0] - second[:, 1]
    assert fit_mixture(yes, hint, (label == 0).astype(np.int64))[1] > 0.5


def test_a_label_is_named_from_where_more_are_right_than_wrong() -> None:
    random = np.random.default_rng(3)
    confidence = random.uniform(1 / 3, 1.0, 20_000)
    honest = least_confidence(confidence, random.random(20_000) < confidence)
    boastful = least_confidence(confidence, random.random(20_000) < confidence - 0.06)
    assert honest == pytest.approx(0.5, abs=0.02)
    assert boastful == pytest.approx(0.56, abs=0.02)


def test_of_thresholds_that_are_equally_good_the_nearest_to_a_half_is_taken() -> None:
    assert least_confidence(np.full(60, 0.9), np.ones(60, dtype=bool)) == 0.5
    assert least_confidence(np.full(20, 0.4), np.ones(20, dtype=bool)) is None
