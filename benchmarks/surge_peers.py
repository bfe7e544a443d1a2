"""Detectors that the monitor's is compared with in `benchmarks.surges`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
MEMORY = 14 * 24.0  # hours
FEWEST = 7  # windows that tell what is usual to begin with


@dataclass(frozen=True)
class Peer:
    """A detector with parameters to choose from.

    `flags(counts, parameter, level, width)` takes counts [windows, rows] in windows of `width`
    hours. `levels` are tried from the most to the least sensitive.
    """

    name: str
    flags: Callable[[Array, Any, float, float], NDArray[np.bool_]]
    parameters: tuple[Any, ...]
    levels: tuple[float, ...]


def fixed_threshold(counts: Array, _: Any, level: float, __: float) -> NDArray[np.bool_]:
    """More stories than so many."""
    return counts >= level


def ewma_z(counts: Array, weight: float, level: float, width: float) -> NDArray[np.bool_]:
    """The smoothed count in standard deviations from a mean forgotten over 14 days."""
    first = max(24 / width, FEWEST)
    memory = MEMORY / width
    mean = counts[: round(first)].mean(0)
    # Of a count, chance alone has the variance of its mean.
    variance = np.maximum(counts[: round(first)].var(0), mean.clip(0.0625, 0.25))
    smooth = mean.copy()
    flags = np.zeros(counts.shape, bool)
    for window, count in enumerate(counts):
        smooth = (1 - weight) * smooth + weight * count
        spread = np.sqrt(variance * weight / (2 - weight))
        flags[window] = (smooth - mean) / spread >= level
        learned = ~flags[window] / memory
        variance = variance + learned * ((count - mean) ** 2 - variance)
        mean = mean + learned * (count - mean)
    return flags


def page_hinkley(counts: Array, delta: float, level: float, width: float) -> NDArray[np.bool_]:
    """River's, upwards; `delta` is a share of the usual count."""
    from river.drift import PageHinkley

    by = delta * float(counts[: round(max(24 / width, FEWEST))].mean())

    def make() -> Any:
        return PageHinkley(
            min_instances=round(max(72 / width, FEWEST)),
            delta=by,
            threshold=level,
            alpha=1 - width / MEMORY,
            mode="up",
        )

    return _each_row(counts, make)


def adwin(counts: Array, grace: int, level: float, _: float) -> NDArray[np.bool_]:
    """River's; a change counts if the mean went up."""
    from river.drift import ADWIN

    return _each_row(counts, lambda: ADWIN(delta=level, clock=1, grace_period=grace))


def _each_row(counts: Array, make: Callable[[], Any]) -> NDArray[np.bool_]:
    flags = np.zeros(counts.shape, bool)
    for row in range(counts.shape[1]):
        detector = make()
        before = 0.0
        for window, count in enumerate(counts[:, row].tolist()):
            detector.update(count)
            mean = getattr(detector, "estimation", before + 1)
            flags[window, row] = detector.drift_detected and mean > before
            before = mean
    return flags


PEERS = (
    Peer("fixed threshold", fixed_threshold, (None,), tuple(range(2, 80))),
    Peer("EWMA z-score", ewma_z, (0.1, 0.3, 0.6, 1.0), tuple(np.arange(3, 30, 0.5))),
    Peer(
        "Page-Hinkley (river)",
        page_hinkley,
        (0.25, 1.0),
        (10.0, 20, 40, 60, 90, 130, 200, 300, 450),
    ),
    Peer("ADWIN (river)", adwin, (5, 10), (2e-1, 2e-2, 2e-3, 2e-4, 1e-5, 1e-7, 1e-9, 1e-12)),
)
