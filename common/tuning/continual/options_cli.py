"""The options of `train --from`, and what does not go with it."""

from __future__ import annotations

from collections.abc import Mapping
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
    others: Mapping[str, object],
    max_forgetting: float | None,
) -> None:
    """See that the options agree, before anything is read.

    Args:
        others: option → what it gave; all that start from a pretrained model.

    Raises:
        UserError: one of them needs `--from`, or does not go with it.
    """
    if release_id is None:
        given = _given(settings) or ("--max-forgetting" if max_forgetting is not None else None)
        if given:
            raise UserError(
                f"{given} says how a release is trained further, and none is named",
                hint="Name it: --from RELEASE; `releases list` shows all.",
            )
        return
    for option, value in {**others, "setting seeds": settings.seeds > 1}.items():
        if value:
            raise UserError(
                f"{option} starts again from the pretrained model, and --from from a release",
                hint="Leave one of them out.",
            )
    if settings.contrastive_epochs:
        raise UserError(
            "contrastive_epochs: the heads would start anew after it, and forget all at once",
            hint="Leave it out of --from.",
        )


def _given(settings: Settings) -> str | None:
    """The first setting of `--from` that is not as usual."""
    from common.tuning.continual.settings import ContinualSettings

    changed = settings.model_dump(exclude_defaults=True)
    names = [name for name in ContinualSettings.model_fields if name in changed]
    return f"setting {names[0]}" if names else None
