"""The verbs: `ask` is this application's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from apps.new.skeletons.rank.application import APPLICATION
from apps.new.skeletons.rank.schema import Question
from common.applications.own_cli import add_own_verbs, made, open_registry
from common.cli import Device, Json, Store, new_app, print_json, run
from common.console import results


def _find_server() -> Callable[..., Any]:
    from apps.new.skeletons.rank.server import build_app

    return build_app


app = new_app(f"{APPLICATION.name}: an application of your own.", application=APPLICATION.name)
add_own_verbs(app, APPLICATION, _find_server)


def main() -> None:
    """Run the command line."""
    run(app)


@app.command()
def ask(
    text: Annotated[str, typer.Argument(help="What the candidates are put in order for.")],
    candidates: Annotated[list[str], typer.Argument(help="The candidates.")],
    device: Device = "auto",
    store: Store = Path("var"),
    as_json: Json = False,
) -> None:
    """Candidates in order, the best one first."""
    release = open_registry(store, APPLICATION).open()

    from apps.new.skeletons.rank.release import Model

    model = Model.load(release, device=device)
    question = made(Question, text=text, candidates=candidates)
    (answer,) = model.answer([question])
    if as_json:
        print_json(answer.model_dump())
        return
    for one in answer.ranking:
        results().print(f"{one.score:6.2f}  {one.candidate}", markup=False, soft_wrap=True)
