"""Numbers that are no numbers stop the work where they arise, with their cause."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


class NonFiniteError(UserError):
    """A NaN or an infinity where a number is needed; nothing was written."""


def require_finite(what: str, *, hint: str | None = None, **values: ArrayLike) -> None:
    """Check that all numbers of each of `values` are finite.

    Args:
        what: whose numbers they are, as a person would say it: "the detector after Monday 12:00".

    Raises:
        NonFiniteError: one is not; it names the value and how many of its numbers are affected.
    """
    import numpy as np

    for name, value in values.items():
        array = np.asarray(value)
        bad = array.size - int(np.isfinite(array).sum())
        if bad:
            raise NonFiniteError(
                f"{what}: {name.replace('_', ' ')} is not finite ({bad} of {array.size} numbers)",
                hint=hint,
            )
