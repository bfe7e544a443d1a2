"""The verbs: `ask` is this application's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from apps.new.skeletons.classify.application import APPLICATION
from apps.new.skeletons.classify.schema import Question
from common.applications.own_cli import add_own_verbs, made, open_registry
from common.cli import Device, Json, Store, new_app, print_json, run
from common.console import results


def _find_server() -> Callable[..., Any]:
    from apps.new.skeletons.classify.server import build_app

    return build_app


app = new_app(f"{APPLICATION.name}: an application of your own.", application=APPLICATION.name)
add_own_verbs(app, APPLICATION, _find_server)


def main() -> None:
    """Run the command line."""
    run(app)


@app.command()
def ask(
    text: Annotated[str, typer.Argument(help="A text whose label is wanted.")],
    device: Device = "auto",
    store: Store = Path("var"),
    as_json: Json = False,
) -> None:
    """The most probable label of a text."""
    release = open_registry(store, APPLICATION).open()

    from apps.new.skeletons.classify.release import Model

    question = made(Question, text=text)
    (answer,) = Model.load(release, device=device).answer([question])
    if as_json:
        print_json(answer.model_dump())
        return
    results().print(f"{answer.label} ({answer.probability:.0%})", markup=False)
