"""The verbs: `ask` is this application's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from apps.new.skeletons.retrieve.application import APPLICATION
from apps.new.skeletons.retrieve.schema import MOST_PASSAGES, Question
from common.applications.own_cli import add_own_verbs, made, open_registry
from common.cli import Device, Json, Store, new_app, print_json, run
from common.console import results


def _find_server() -> Callable[..., Any]:
    from apps.new.skeletons.retrieve.server import build_app

    return build_app


app = new_app(f"{APPLICATION.name}: an application of your own.", application=APPLICATION.name)
add_own_verbs(app, APPLICATION, _find_server)


def main() -> None:
    """Run the command line."""
    run(app)


@app.command()
def ask(
    text: Annotated[str, typer.Argument(help="A question.")],
    k: Annotated[int, typer.Option(min=1, max=MOST_PASSAGES, help="How many passages.")] = 3,
    device: Device = "auto",
    store: Store = Path("var"),
    as_json: Json = False,
) -> None:
    """The passages that answer best."""
    release = open_registry(store, APPLICATION).open()

    from apps.new.skeletons.retrieve.release import Model

    model = Model.load(release, device=device)
    question = made(Question, text=text, top_k=k)
    (answer,) = model.answer([question])
    if as_json:
        print_json(answer.model_dump())
        return
    for found in answer.passages:
        results().print(f"{found.score:.2f}  {found.passage}", markup=False, soft_wrap=True)
