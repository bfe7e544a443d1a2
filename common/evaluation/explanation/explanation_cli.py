"""Options of `explain`, and how an explanation is shown."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from common.cli import print_json
from common.errors import UserError

if TYPE_CHECKING:
    from common.evaluation.explanation.attribution import Method
    from common.evaluation.explanation.explanation import Explanation


class MethodName(StrEnum):
    """How words are weighed."""

    gradients = "gradients"
    occlusion = "occlusion"


Text = Annotated[str, typer.Argument(help="In quotes.")]
MethodOption = Annotated[
    MethodName | None,
    typer.Option(
        "--method",
        help="gradients (needs captum), or occlusion: one word left out after the other. "
        "Default: gradients where captum is installed.",
    ),
]


def check_text(text: str) -> None:
    """See that there is something to explain.

    Raises:
        UserError: the text has no words.
    """
    if not any(character.isalnum() for character in text):
        raise UserError("the text has no words", hint="Give the text in quotes.")


def chosen_method(asked: MethodName | None) -> Method:
    """The method of an option; errors as of `pick_method`."""
    from common.evaluation.explanation.attribution import pick_method

    return pick_method(cast("Method | None", asked and asked.value))


def show_explanation(explanation: Explanation, heading: dict[str, Any], *, as_json: bool) -> None:
    """Print it, `heading` first."""
    from dataclasses import asdict

    if as_json:
        print_json({**heading, **asdict(explanation)})
        return
    from common.console import results
    from common.evaluation.explanation.rendering import show

    for name, value in heading.items():
        results().print(f"{name.replace('_', ' ')}: {value}", markup=False)
    show(explanation)
