"""What calibrates is asked in a search that holds the other questions, never itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sample import Demo

from apps.customer_service import evaluate
from apps.customer_service.answers.answering import Answerer
from apps.customer_service.data import Example, Sources, read_dataset
from apps.customer_service.learning.knowledge import without_texts
from apps.customer_service.promise.crossing import run_crossed
from apps.customer_service.release import load_release
from common.evaluation.calibration import (
    choose_threshold,
    fit_calibrator,
    out_of_fold_probability,
)
from common.releases.registry import Registry


@pytest.fixture
def calibration(demo: Demo) -> list[Example]:
    return read_dataset(Sources(faqs=[demo.faqs], questions=[demo.questions])).calibration


@pytest.fixture
def lacking(demo: Demo, calibration: list[Example]) -> Answerer:
    """The release as if it were not yet given what calibrates."""
    answerer = load_release(Registry(demo.store, "customer_service").open(), device="cpu")
    return without_texts(answerer, {one.text for one in calibration})


def test_no_question_finds_itself(lacking: Answerer, calibration: list[Example]) -> None:
    """Were it in its own search, it would find the FAQ that it is said to be of, a wrong one."""
    asked = [one for one in calibration if one.faq_id is not None]
    others = {one: next(f for f in lacking.faqs if f != one) for one in lacking.faqs}
    mislabelled = [replace(one, faq_id=others[str(one.faq_id)]) for one in asked]
    outcomes = run_crossed(lacking, mislabelled)
    assert [outcome.example for outcome in outcomes] == mislabelled
    assert np.mean([outcome.is_right for outcome in outcomes]) < 0.3


def test_nor_does_it_find_what_is_written_in_the_same_letters(lacking: Answerer) -> None:
    faq_id = next(iter(lacking.faqs))
    twins = [Example(text, faq_id, None) for text in ("zorbl quixfrat?", "Zorbl quixfrat")]
    asked = [*twins, Example("plover mangrit", list(lacking.faqs)[1], None)]
    first, second = run_crossed(lacking, asked)[:2]
    assert all(one.candidates[0].lexical < 0.1 for one in (first, second))


def test_a_question_finds_the_others(lacking: Answerer) -> None:
    faq_id = list(lacking.faqs)[-1]
    said = ("", " please", " now", " today", " again", " quickly", " at last", " for me", " here")
    asked = [Example(f"zorbl quixfrat{more}", faq_id, None) for more in said]
    alone, crossed = evaluate.run(lacking, asked), run_crossed(lacking, asked)
    right = [[outcome.is_right for outcome in some] for some in (alone, crossed)]
    assert np.mean(right[1]) > np.mean(right[0])
    assert all(right[1])


DRAWS, BUDGET, ASKED = 60, 0.1, 300


def test_the_budget_is_kept_in_the_search_that_holds_them_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Shown with folds left out, it holds of new questions put to the fuller search."""
    monkeypatch.setattr("common.evaluation.calibration.DRAWS", 1)
    random = np.random.default_rng(0)
    broken = shown = 0
    for _ in range(DRAWS):
        known, asked, fresh = (_points(random, count) for count in (100, ASKED, 2000))
        fold = random.integers(0, 5, ASKED)
        signals, right = np.empty((ASKED, 2)), np.empty(ASKED, dtype=bool)
        for number in range(5):
            own = fold == number
            held = [np.concatenate([k, a[~own]]) for k, a in zip(known, asked, strict=True)]
            signals[own], right[own] = _nearest(held, [a[own] for a in asked])
        threshold = choose_threshold(
            out_of_fold_probability(signals, right), right, BUDGET
        ).threshold
        if threshold is None:
            continue
        shown += 1
        full = [np.concatenate(pair) for pair in zip(known, asked, strict=True)]
        found, true = _nearest(full, fresh)
        given = fit_calibrator(signals, right).probability(found) >= threshold
        broken += bool((~true[given]).mean() > BUDGET)
    assert shown > DRAWS / 2
    assert broken <= 0.05 * DRAWS + 2 * np.sqrt(0.05 * 0.95 * DRAWS)


def _points(random: np.random.Generator, count: int) -> list[Any]:
    """Points of a plane and their labels, which are noisy between the classes."""
    labels = random.integers(0, 4, count)
    centres = np.array([[0, 0], [3, 0], [0, 3], [3, 3]])
    return [centres[labels] + random.normal(size=(count, 2)), labels]


def _nearest(held: list[Any], asked: list[Any]) -> tuple[Any, Any]:
    """Distance and margin of the nearest, and whether it has the right label."""
    apart = np.linalg.norm(asked[0][:, None] - held[0][None], axis=2)
    found = held[1][apart.argmin(1)]
    other = np.where(held[1][None] == found[:, None], np.inf, apart).min(1)
    return np.stack([apart.min(1), other - apart.min(1)], 1), found == asked[1]
