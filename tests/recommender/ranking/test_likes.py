from __future__ import annotations

from pathlib import Path

import numpy as np

from apps.recommender.interactions.events import histories, sorted_events
from apps.recommender.ranking.likes import SIGNALS, fit_likes, opinions, rated, signals
from apps.recommender.ranking.probabilities import Curve, Probabilities

NAMES = [*SIGNALS, "something else"]
WEIGHTS = np.array([1.2, 0.0, 1.0, 0.8, 0.0, 1.3], np.float32)
EVENTS = sorted_events(
    np.array([0, 0, 0, 1, 1, 1]),
    np.array([4, 2, 7, 4, 2, 7]),
    np.ones(6),
    np.array([0, 10, 20, 0, 10, 20]),
    WEIGHTS,
    users=2,
)


def test_what_was_rated_later_is_an_opinion() -> None:
    said = rated(EVENTS)
    assert len(said) == 5
    item = np.array([[2, 7, 9], [7, 4, -1]], np.int32)
    found = opinions(said, np.array([0, 1]), np.array([5, 5]), item)
    expected = np.array([[0.0, np.nan, np.nan], [1.3, np.nan, np.nan]], np.float32)
    np.testing.assert_array_equal(found, expected)


def test_a_user_who_likes_little_is_known_by_their_own_mean() -> None:
    past = histories(EVENTS, np.array([0, 1]), np.array([15, 15]))
    of_user = signals(np.zeros((2, 1, len(NAMES)), np.float32), NAMES, past)[:, 0, -1]
    np.testing.assert_allclose(of_user, [-0.8 / 7, -1.2 / 7], rtol=1e-5)


def test_stated_probabilities_are_what_happens_and_outlive_a_file(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    values = random.normal(size=(8000, len(SIGNALS) + 1)).astype(np.float32)
    values[::7, 3] = np.nan
    chance = 1 / (1 + np.exp(-(1 + values[:, 0] + values[:, -1])))
    fitted = fit_likes(values, random.random(8000) < chance)
    assert fitted is not None
    flat = Curve([0.0], [0.1])
    Probabilities(flat, flat, fitted).save(tmp_path)
    kept = Probabilities.load(tmp_path / "probabilities.json").like
    assert kept is not None
    stated = 1 / (1 + np.exp(-(kept.linear.score(values) + kept.intercept)))
    np.testing.assert_allclose(stated, chance, atol=0.1)
    Probabilities(flat, flat).save(tmp_path)
    assert Probabilities.load(tmp_path / "probabilities.json").like is None


def test_of_too_few_ratings_nothing_is_stated() -> None:
    values = np.random.default_rng(0).normal(size=(1000, 7)).astype(np.float32)
    assert fit_likes(values, np.arange(1000) >= 10) is None
