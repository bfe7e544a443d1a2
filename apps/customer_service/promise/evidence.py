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
from common.records.text import language_of

EVIDENCE = "evidence.safetensors"
# As they are kept, by number; 0: what an earlier version kept, without.
LANGUAGES = ("", "en", "zh", "other")
NAMES = ("signals", "first_right", "among_first", "in_scope", "language")


@dataclass(frozen=True)
class Evidence:
    """Of each question what the confidence is computed from, and what was right.

    Args:
        signals: [questions, features].
        first_right: [questions], whether the right answer stood first.
        among_first: [questions], whether it stood among the first three.
        in_scope: [questions], whether there was a right answer.
        language: [questions], the number of each one's in `LANGUAGES`.
    """

    signals: NDArray[np.float64]
    first_right: NDArray[np.bool_]
    among_first: NDArray[np.bool_]
    in_scope: NDArray[np.bool_]
    language: NDArray[np.int8]

    @property
    def languages(self) -> list[str]:
        """[questions]; empty where it is not known."""
        return [LANGUAGES[number] for number in self.language]

    @classmethod
    def of(cls, outcomes: Sequence[Outcome]) -> Evidence:
        """What was found of some questions."""
        return cls(
            np.array([outcome.signals for outcome in outcomes]).reshape(-1, len(FEATURES)),
            np.array([outcome.is_right for outcome in outcomes], dtype=bool),
            np.array([outcome.is_among_first for outcome in outcomes], dtype=bool),
            np.array([outcome.in_scope for outcome in outcomes], dtype=bool),
            np.array([_number_of(outcome.example.text) for outcome in outcomes], dtype=np.int8),
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
        save_file(dict(zip(NAMES, self._parts(), strict=True)), directory / EVIDENCE)

    @classmethod
    def load(cls, directory: Path) -> Evidence:
        """Read what `save` wrote; none where nothing lies."""
        path = directory / EVIDENCE
        if not path.exists():
            return cls.none()
        kept: dict[str, NDArray[Any]] = load_file(path)
        kept.setdefault("language", np.zeros(len(kept["signals"]), dtype=np.int8))
        return cls(**kept)

    def _parts(self) -> list[NDArray[Any]]:
        return [getattr(self, name) for name in NAMES]


def _number_of(text: str) -> int:
    return LANGUAGES.index(language_of(text))
