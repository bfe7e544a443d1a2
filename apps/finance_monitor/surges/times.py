"""What kinds of time there are: most are ordinary, some are unlike others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ORDINARY, HOLIDAY, EARNINGS, CLOSED = 0, 1, 2, 3
KINDS = 4
Kinds = NDArray[np.int64]  # of times: one of these


def teaches(kinds: Kinds) -> NDArray[np.float64]:
    """[keys], 1 where such a time says what is usual, and 0 on days unlike others."""
    return np.isin(kinds, (ORDINARY, CLOSED)).astype(np.float64)
