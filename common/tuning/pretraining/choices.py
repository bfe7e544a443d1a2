"""What a run of pretraining may be asked to do; seen before anything is read or loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from common.errors import UserError
from common.tuning.configuration import OF_LABELS, refuse_unused
from common.tuning.settings import Settings

Method = Literal["mlm", "simcse", "tsdae", "clm"]


def check_choices(method: Method | None, settings: Settings, out: Path) -> None:
    """See that the run makes sense.

    Raises:
        UserError: it does not.
    """
    if out.exists():
        raise UserError("it is there already", where=str(out), hint="Choose another --out.")
    if settings.strategy == "head":
        raise UserError(
            "strategy head: the backbone is what learns here, and it would be frozen",
            hint="Take full, lora or top-layers:N.",
        )
    refuse_unused(settings, OF_LABELS)
    if method == "simcse" and settings.dropout == 0:
        raise UserError(
            "simcse with dropout=0: two readings of a text would be the same",
            hint="--set dropout=0.1",
        )
