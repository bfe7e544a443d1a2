"""Detectors that the monitor's is compared with in `benchmarks.surges`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Peer:
    """A detector with parameters to choose from: `flags(counts, parameter, level)` [hours, rows].

    `levels` are tried from the most to the least sensitive.
    """

    name: str
    flags: Callable[[Array, Any, float], NDArray[np.bool_]]
    parameters: tuple[Any, ...]
    levels: tuple[float, ...]


def fixed_threshold(counts: Array, _: Any, level: float) -> NDArray[np.bool_]:
    """More stories than so many."""
    return counts >= level


def ewma_z(counts: Array, weight: float, level: float) -> NDArray[np.bool_]:
    """The smoothed count in standard deviations from a mean forgotten over 14 days."""
    mean = counts[:24].mean(0)
    variance = np.maximum(counts[:24].var(0), 0.25)
    smooth = mean.copy()
    flags = np.zeros(counts.shape, bool)
    for hour, count in enumerate(counts):
        smooth = (1 - weight) * smooth + weight * count
        spread = np.sqrt(variance * weight / (2 - weight))
        flags[hour] = (smooth - mean) / spread >= level
        learned = ~flags[hour] / 336
        variance = variance + learned * ((count - mean) ** 2 - variance)
        mean = mean + learned * (count - mean)
    return flags


def page_hinkley(counts: Array, delta: float, level: float) -> NDArray[np.bool_]:
    """River's, upwards."""
    from river.drift import PageHinkley

    def make() -> Any:
        return PageHinkley(
            min_instances=72, delta=delta, threshold=level, alpha=1 - 1 / 336, mode="up"
        )

    return _each_row(counts, make)


def adwin(counts: Array, grace: int, level: float) -> NDArray[np.bool_]:
    """River's; a change counts if the mean went up."""
    from river.drift import ADWIN

    return _each_row(counts, lambda: ADWIN(delta=level, clock=1, grace_period=grace))


def _each_row(counts: Array, make: Callable[[], Any]) -> NDArray[np.bool_]:
    flags = np.zeros(counts.shape, bool)
    for row in range(counts.shape[1]):
        detector = make()
        before = 0.0
        for hour, count in enumerate(counts[:, row].tolist()):
            detector.update(count)
            mean = getattr(detector, "estimation", before + 1)
            flags[hour, row] = detector.drift_detected and mean > before
            before = mean
    return flags


PEERS = (
    Peer("fixed threshold", fixed_threshold, (None,), tuple(range(8, 80))),
    Peer("EWMA z-score", ewma_z, (0.1, 0.3, 0.6, 1.0), tuple(np.arange(3, 30, 0.5))),
    Peer("Page-Hinkley (river)", page_hinkley, (1.0, 4.0), (20.0, 40, 60, 90, 130, 200, 300, 450)),
    Peer("ADWIN (river)", adwin, (5, 10), (2e-1, 2e-2, 2e-3, 2e-4, 1e-5, 1e-7, 1e-9, 1e-12)),
)
