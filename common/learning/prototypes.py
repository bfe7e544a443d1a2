"""New knowledge in seconds: directions of a classifier fitted again, on vectors that stay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

Floats = NDArray[np.float32]

STEPS = 150
LEARNING_RATE = 0.01
BETAS, EPSILON = (0.9, 0.999), 1e-8
# How strongly the directions hold to what they were: what is learned must not be forgotten. Of 55
# corrections of the sample data, each read by what learned from the other half, 20 had 46 right and
# 1 had 45, and of 480 golden questions 20 lost one and 1 four.
HOLD = 20.0


def refit(
    vectors: Floats,
    numbers: NDArray[np.int64],
    start: Floats,
    *,
    scale: float,
    weight: Floats,
    moving: NDArray[np.bool_],
) -> Floats:
    """Directions that tell the classes apart, near where they started.

    Gradients are written out: an automatic one of so small steps takes longer than they do.

    Minimises weighted cross-entropy over scaled cosines, plus `HOLD` times the squared distance to
    `start`: a quadratic penalty as in elastic weight consolidation (Kirkpatrick et al. 2017, arXiv
    1612.00796). All texts take part, so that a direction that moves takes nobody else's texts.

    Args:
        vectors: [texts, width], of length 1.
        numbers: [texts], the class of each.
        start: [classes, width], of length 1.
        scale: what the cosines are multiplied by.
        weight: [texts], how much each counts.
        moving: [classes], which directions may move; the others stay where they are.

    Returns:
        [classes, width], of length 1.
    """
    anchor = start[moving]
    moved = anchor.copy()
    # What stays is computed once: as a rule, few directions move.
    staying = (scale * vectors @ start[~moving].T).astype(np.float32, copy=False)
    fixed = _Fixed.of(staying, numbers, moving)
    share = weight / weight[moving[numbers]].sum()
    adam = _Adam(np.zeros_like(moved), np.zeros_like(moved))
    for step in range(1, STEPS + 1):
        length = np.linalg.norm(moved, axis=1, keepdims=True)
        unit = moved / length
        by_logit = share[:, None] * fixed.gradient(scale * vectors @ unit.T)
        gradient = scale * by_logit.T @ vectors + 2 * HOLD / len(unit) * (unit - anchor)
        # Along a direction its length changes, which is no part of it.
        gradient = (gradient - (gradient * unit).sum(1, keepdims=True) * unit) / length
        moved -= LEARNING_RATE * adam.step(gradient, step)
    found = start.copy()
    found[moving] = moved / np.linalg.norm(moved, axis=1, keepdims=True)
    return found


@dataclass(frozen=True)
class _Fixed:
    """What the directions that stay make of each text.

    Attributes:
        mass: [texts], the logarithm of the sum of their exponentials.
        rows: texts whose class moves; `columns`: its place among those that do.
    """

    mass: Floats
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]

    @classmethod
    def of(cls, logits: Floats, numbers: NDArray[np.int64], moving: NDArray[np.bool_]) -> Self:
        mass = np.full(len(numbers), -np.inf, dtype=np.float32)
        if logits.shape[1]:
            mass = logsumexp(logits, axis=1)
        rows = np.flatnonzero(moving[numbers])
        return cls(mass, rows, np.cumsum(moving)[numbers[rows]] - 1)

    def gradient(self, logits: Floats) -> Floats:
        """Of each text's cross-entropy by the logits [texts, moving] of what moves."""
        most = np.maximum(self.mass, logits.max(1))
        found = np.exp(logits - most[:, None])
        found /= (np.exp(self.mass - most) + found.sum(1))[:, None]
        found[self.rows, self.columns] -= 1
        return np.asarray(found)


@dataclass(frozen=True)
class _Adam:
    """Kingma & Ba 2015, arXiv 1412.6980, with its usual constants."""

    mean: Floats
    square: Floats

    def step(self, gradient: Floats, number: int) -> Floats:
        self.mean[:] = BETAS[0] * self.mean + (1 - BETAS[0]) * gradient
        self.square[:] = BETAS[1] * self.square + (1 - BETAS[1]) * gradient**2
        mean = self.mean / (1 - BETAS[0] ** number)
        return np.asarray(mean / (np.sqrt(self.square / (1 - BETAS[1] ** number)) + EPSILON))
