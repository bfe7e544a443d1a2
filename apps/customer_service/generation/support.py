"""Whether a sentence may be sent: its source says it, by what must agree and by a score."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.customer_service.generation.agreement import read_beside
from common.evaluation.calibration import LogisticCalibrator
from common.files import read_json
from common.records.personal import prepare

Floats = NDArray[np.float32]
Read = Callable[[Sequence[str]], Floats]

FEATURES = ("covered", "least", "order", "cosine")
CALIBRATION = Path(__file__).with_name("support.json")


@dataclass(frozen=True)
class Support:
    """How a source bears a sentence.

    Attributes:
        probability: that the source says it, by the score alone.
        refusal: why it is not sent; None: it is.
    """

    probability: float
    refusal: str | None

    @property
    def is_sent(self) -> bool:
        """Whether it may be sent."""
        return self.refusal is None


@dataclass(frozen=True)
class Gate:
    """Lets through what a source says.

    Attributes:
        read: prepared texts → vectors [texts, width], of length 1.
        mean: [width], of the vectors of everything that is known: cosines are told from those of
            any two texts by it, whatever the encoder.
        calibrator, threshold: fitted on the development pairs of
            `data_samples/customer_service/entailment.jsonl` by `benchmarks/generation.py`.
    """

    read: Read
    mean: Floats
    calibrator: LogisticCalibrator
    threshold: float

    def judge(self, sentence: str, source: str) -> Support:
        """Judge a sentence by a source."""
        found = self.features(sentence, source)
        probability = float(self.calibrator.probability(found[None, :])[0])
        refusal = read_beside(sentence, source).refusal
        if refusal is None and probability < self.threshold:
            refusal = f"only {probability:.0%} of such sentences are the source's"
        return Support(probability, refusal)

    def features(self, sentence: str, source: str) -> NDArray[np.float64]:
        """[features], in the order of `FEATURES`."""
        reading = read_beside(sentence, source)
        own, others = self.read([prepare(sentence), prepare(reading.aligned or source)])
        usual = float(own @ self.mean)
        cosine = (float(own @ others) - usual) / max(1 - usual, 1e-6)
        return np.array([*reading.shared, cosine])


def open_gate(read: Read, known: Floats) -> Gate:
    """The gate as it was calibrated.

    Args:
        read: prepared texts → vectors.
        known: [texts, width], the vectors of everything that is known.
    """
    calibrator, threshold = _calibration()
    return Gate(read, known.mean(0), calibrator, threshold)


@cache
def _calibration() -> tuple[LogisticCalibrator, float]:
    kept: dict[str, Any] = read_json(CALIBRATION)
    return LogisticCalibrator(**kept["calibrator"]), float(kept["threshold"])
