"""Numbers as integers modulo 2⁶⁴: sums are exact, and masks that cancel leave nothing behind."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from common.errors import UserError

Integers = NDArray[np.uint64]
Floats = NDArray[np.float64]

# Finer than float32 where updates are, with room for sums below LIMIT.
SCALE = 2.0**40
LIMIT = 2.0**22


def encode(values: Floats) -> Integers:
    """The nearest multiples of 1 / SCALE, in two's complement.

    Raises:
        UserError: a value is no number, or LIMIT or more.
    """
    if not np.isfinite(values).all() or (np.abs(values) >= LIMIT).any():
        raise UserError(
            "an update holds values that are no numbers, or far too large",
            hint="Training has diverged: start the round anew with a lower learning_rate.",
        )
    return np.asarray(np.rint(values * SCALE), dtype=np.int64).view(np.uint64)


def decode(integers: Integers) -> Floats:
    """What `encode` was given, or the sum of it, to 1 / SCALE."""
    return np.asarray(integers).view(np.int64) / SCALE
