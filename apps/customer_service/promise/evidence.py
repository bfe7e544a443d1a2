"""Signals of questions that a model had not learned: what its promise rests on, kept with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from apps.customer_service.answers.confidence import FEATURES
from apps.customer_service.evaluate import Outcome

EVIDENCE = "evidence.safetensors"


@dataclass(frozen=True)
class Evidence:
    """Of each question what the confidence is computed from, and what was right.

    Args:
        signals: [questions, features].
        first_right: [questions], whether the right answer stood first.
        among_first: [questions], whether it stood among the first three.
        in_scope: [questions], whether there was a right answer.
    """

    signals: NDArray[np.float64]
    first_right: NDArray[np.bool_]
    among_first: NDArray[np.bool_]
    in_scope: NDArray[np.bool_]

    @classmethod
    def of(cls, outcomes: Sequence[Outcome]) -> Evidence:
        """What was found of some questions."""
        return cls(
            np.array([outcome.signals for outcome in outcomes]).reshape(-1, len(FEATURES)),
            np.array([outcome.is_right for outcome in outcomes], dtype=bool),
            np.array([outcome.is_among_first for outcome in outcomes], dtype=bool),
            np.array([outcome.in_scope for outcome in outcomes], dtype=bool),
        )

    @classmethod
    def none(cls) -> Evidence:
        """Of no question."""
        return cls.of([])

    def __add__(self, other: Evidence) -> Evidence:
        pairs = zip(self._parts(), other._parts(), strict=True)
        return Evidence(*(np.concatenate(pair) for pair in pairs))

    def __len__(self) -> int:
        return len(self.signals)

    def save(self, directory: Path) -> None:
        """Write it; what a release that learned measures with is what this one measured with."""
        names = ("signals", "first_right", "among_first", "in_scope")
        save_file(dict(zip(names, self._parts(), strict=True)), directory / EVIDENCE)

    @classmethod
    def load(cls, directory: Path) -> Evidence:
        """Read what `save` wrote; none where nothing lies."""
        path = directory / EVIDENCE
        return cls(**load_file(path)) if path.exists() else cls.none()

    def _parts(self) -> list[NDArray[Any]]:
        return [self.signals, self.first_right, self.among_first, self.in_scope]
