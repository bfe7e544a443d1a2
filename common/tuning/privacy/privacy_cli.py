"""What the verb `train` of the applications shares about privacy: `--public`, and what it needs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from common.cli import existing
from common.errors import UserError

if TYPE_CHECKING:
    from common.tuning.settings import Settings

Public = Annotated[
    list[Path] | None,
    typer.Option(
        "--public",
        help="With privacy_epsilon: labelled records that are no secret. Heads start from them; "
        "they choose the best epoch, calibrate, and are what the release is measured on.",
        callback=existing,
    ),
]


def check_files(settings: Settings, public: object, private: Mapping[str, Any]) -> None:
    """See that no private record is used beside the budget.

    Args:
        public: what `--public` gave.
        private: option → what it gave; all that are read without noise.

    Raises:
        UserError: one of them is given, or `--public` without privacy.
    """
    if not settings.is_private:
        if public:
            raise UserError(
                "--public is for training with privacy, and no budget is set",
                hint="Give one, --set privacy_epsilon=8, or take --validation and --test.",
            )
        return
    for option, given in private.items():
        if given:
            raise UserError(
                f"privacy_epsilon and {option} do not go together: what it gives would be learned "
                "without noise, and is in no account",
                hint="Give what is no secret as --public, and leave out the rest.",
            )
