"""Training texts changed a little each time they are read, so that a model reads past it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from common.records.typing_errors import with_typing_errors

MOST_ERRORS = 2


def some_mistyped(inputs: Sequence[Any], share: float) -> list[Any]:
    """The inputs, about `share` of the texts among them with one or two typing errors.

    Drawn by Python's own generator, whose state a checkpoint keeps. What is no plain text (a pair,
    a conversation) is left as it is.
    """
    return [
        with_typing_errors(one, random.randint(1, MOST_ERRORS), str(random.random()))
        if isinstance(one, str) and random.random() < share
        else one
        for one in inputs
    ]
