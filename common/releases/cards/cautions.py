"""What a reader should hold against a release, by its own manifest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import sqrt
from typing import Any

# Of an error of calibration: above it, a probability says little by itself.
WELL_CALIBRATED = 0.1
FEW = 300


def cautions(
    manifest: Mapping[str, Any], count: int | None, words: Mapping[str, str]
) -> Iterator[str]:
    """Sentences.

    Args:
        count: of the records that it was measured on, where it is known.
        words: the sentences by their names, with places to fill in.
    """
    if not manifest.get("data"):
        yield words["no_learning"]
    if manifest.get("measured_on") == "validation":
        yield words["not_test"]
    if count is not None and 0 < count < FEW:
        # Half the width of the 95 % interval of a share of one half.
        yield words["few"].format(count=count, margin=0.98 / sqrt(count))
    yield from _linear(manifest.get("linear_model"), words)
    languages = manifest.get("languages") or []
    if len(languages) == 1:
        yield words["one_language"].format(language=languages[0])
    error = (manifest.get("after") or {}).get("calibration_error", 0.0)
    if error > WELL_CALIBRATED:
        yield words["uncalibrated"].format(error=error)


def _linear(found: Mapping[str, Any] | None, words: Mapping[str, str]) -> Iterator[str]:
    difference = (found or {}).get("difference")
    if not difference:
        return
    linear, own = difference["before"], difference["after"]
    low, high = difference["low"], difference["high"]
    if high < 0:
        yield words["linear_better"].format(linear=linear, own=own)
    elif low <= 0:
        yield words["linear_same"].format(linear=linear, own=own, low=low, high=high)
