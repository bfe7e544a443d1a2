"""The options of `train --from`, and what does not go with it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from common.errors import UserError

if TYPE_CHECKING:
    from common.tuning.settings import Settings

From = Annotated[
    str | None,
    typer.Option("--from", help="A release to train further: it keeps what it knows."),
]
MaxForgetting = Annotated[
    float | None,
    typer.Option(
        "--max-forgetting",
        min=0,
        max=1,
        help="With --from: the share of old records that may turn wrong. Default: 0.02.",
    ),
]


def check_from(
    release_id: str | None,
    settings: Settings,
    unlabelled: Sequence[Path] | None,
    max_forgetting: float | None,
) -> None:
    """See that the options agree, before anything is read.

    Raises:
        UserError: one of them needs `--from`, or does not go with it.
    """
    if release_id is None:
        for name, given in (
            ("--set continual", settings.continual),
            ("--max-forgetting", max_forgetting),
        ):
            if given is not None:
                raise UserError(
                    f"{name} says how a release is trained further, and none is named",
                    hint="Name it: --from RELEASE; `releases list` shows all.",
                )
        return
    if unlabelled:
        raise UserError(
            "--unlabelled starts again from the pretrained model, and --from from a release",
            hint="Leave one of them out.",
        )
    if settings.contrastive_epochs:
        raise UserError(
            "contrastive_epochs: the heads would start anew after it, and forget all at once",
            hint="Leave it out of --from.",
        )
