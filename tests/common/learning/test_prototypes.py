"""Directions fitted again on vectors that stay."""

from __future__ import annotations

import numpy as np
import pytest

from common.learning.prototypes import Floats, refit

WIDTH, EACH = 16, 30


def _texts(classes: int) -> tuple[Floats, np.ndarray, Floats]:
    """Texts around a centre each, their classes, and the centres."""
    random = np.random.default_rng(0)
    centres = random.normal(size=(classes, WIDTH))
    numbers = np.repeat(np.arange(classes), EACH)
    vectors = centres[numbers] + 2.0 * random.normal(size=(len(numbers), WIDTH))
    return _unit(vectors), numbers, _unit(centres)


def _unit(vectors: np.ndarray) -> Floats:
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def _loss(vectors: Floats, numbers: np.ndarray, directions: Floats) -> float:
    logits = 8.0 * vectors @ directions.T
    mass = np.log(np.exp(logits).sum(1))
    return float((mass - logits[np.arange(len(numbers)), numbers]).mean())


@pytest.mark.parametrize("free", [[4], [0, 3], [0, 1, 2, 3, 4]])
def test_what_moves_tells_its_texts_better_and_what_stays_stays(free: list[int]) -> None:
    vectors, numbers, centres = _texts(5)
    start = centres.copy()
    start[free] = _unit(centres[free] + 0.3 * np.random.default_rng(1).normal(size=WIDTH))
    moving = np.isin(np.arange(5), free)
    weight = np.ones(len(vectors), dtype=np.float32)
    found = refit(vectors, numbers, start, scale=8.0, weight=weight, moving=moving)
    assert _loss(vectors, numbers, found) < _loss(vectors, numbers, start) - 0.001
    assert np.array_equal(found[~moving], start[~moving])
    assert np.linalg.norm(found, axis=1) == pytest.approx(np.ones(5), abs=1e-5)
    # They hold to what they were.
    assert (found[moving] * start[moving]).sum(1).min() > 0.9
    assert found.dtype == np.float32


def test_a_text_that_counts_for_nothing_moves_nothing() -> None:
    vectors, numbers, centres = _texts(3)
    moving = np.array([True, False, False])
    weight = np.ones(len(vectors), dtype=np.float32)
    odd, zero = _unit(-centres[:1]), np.zeros(1, dtype=np.float32)
    alone = refit(vectors, numbers, centres, scale=8.0, weight=weight, moving=moving)
    beside = refit(
        np.concatenate([vectors, odd]),
        np.append(numbers, 0),
        centres,
        scale=8.0,
        weight=np.concatenate([weight, zero]),
        moving=moving,
    )
    assert np.allclose(alone, beside, atol=1e-5)
