from __future__ import annotations

from pathlib import Path

import numpy as np

from apps.recommender.ranking.probabilities import (
    CLICK,
    PROBABILITIES,
    PURCHASE,
    Probabilities,
    fit_probabilities,
)


def _outcomes(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores, and outcomes whose probabilities are known functions of them."""
    rng = np.random.default_rng(seed)
    score = rng.normal(size=count).astype(np.float32)
    drawn = rng.random(count)
    worth = np.where(drawn < _click(score), CLICK, 0)
    return score, np.where(drawn < _click(score) / 4, PURCHASE, worth).astype(np.int8)


def _click(score: np.ndarray) -> np.ndarray:
    return np.asarray(0.5 / (1 + np.exp(-2 * score)))


def test_stated_probabilities_are_those_that_outcomes_were_drawn_by() -> None:
    fitted = fit_probabilities(*_outcomes(50_000, 0))
    score = np.linspace(-2, 2, 41).astype(np.float32)
    assert np.abs(fitted.click(score) - _click(score)).mean() < 0.02
    assert np.abs(fitted.purchase(score) - _click(score) / 4).mean() < 0.02


def test_on_later_candidates_the_bins_agree() -> None:
    bins = fit_probabilities(*_outcomes(50_000, 0)).bins(*_outcomes(20_000, 1))
    assert set(bins) == {"click", "purchase"}
    for part in bins["click"]:
        assert abs(part["stated"] - part["observed"]) < 0.04


def test_a_better_score_never_has_a_lower_probability() -> None:
    fitted = fit_probabilities(*_outcomes(300, 2))
    score = np.linspace(-9, 9, 500).astype(np.float32)
    for curve in (fitted.click, fitted.purchase):
        stated = curve(score)
        assert (np.diff(stated) >= 0).all() and stated.min() >= 0 and stated.max() <= 1


def test_one_click_at_the_top_is_not_certainty() -> None:
    score = np.arange(1000, dtype=np.float32)
    worth = np.zeros(1000, np.int8)
    worth[-1] = CLICK
    assert fit_probabilities(score, worth).click(score[-1:])[0] < 0.2


def test_where_nothing_was_bought_the_probability_is_zero() -> None:
    score, worth = _outcomes(500, 3)
    fitted = fit_probabilities(score, np.minimum(worth, CLICK))
    assert (fitted.purchase(score) == 0).all()
    assert "purchase" not in fitted.bins(score, np.minimum(worth, CLICK))


def test_a_place_without_a_score_has_no_probability() -> None:
    stated = fit_probabilities(*_outcomes(500, 4)).click(np.array([[np.nan, 0]], np.float32))
    assert stated.shape == (1, 2) and np.isnan(stated[0, 0]) and stated[0, 1] > 0


def test_saved_and_loaded_it_is_the_same(tmp_path: Path) -> None:
    fitted = fit_probabilities(*_outcomes(500, 5))
    fitted.save(tmp_path)
    assert Probabilities.load(tmp_path / PROBABILITIES) == fitted
