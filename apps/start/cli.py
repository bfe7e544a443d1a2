"""The verbs of `python -m apps`: look at what is here, and start all of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from apps.start.applications import Application, Serving, applications, serving
from common.cli import Json, Store, new_app, print_json, run
from common.console import results, say
from common.evaluation.effects.effects_cli import add_effect_verb
from common.serving.listening_cli import LOOPBACK, AccessOptions, Host, Port

app = new_app(
    "Language models that know your customers, your news and your catalogue.",
    no_args_is_help=False,
)
add_effect_verb(app)


def main() -> None:
    """Run the command line."""
    run(app)


@app.callback(invoke_without_command=True)
def overview(context: typer.Context, store: Store = Path("var"), as_json: Json = False) -> None:
    """What is here, and which releases serve."""
    if context.invoked_subcommand:
        return
    found = [(one, serving(one, store)) for one in applications()]
    if as_json:
        print_json({one.name: vars(release) for one, release in found})
        return
    for one, release in found:
        results().print(_described(one, release), markup=False, soft_wrap=True)
    results().print("All three on their sample data: python -m apps demo", markup=False)
    results().print("One of your own: python -m apps new NAME --kind classify", markup=False)


@app.command()
def demo(host: Host = LOOPBACK, port: Port = 8000, store: Store = Path("var")) -> None:
    """Fine-tune all applications on their sample data, and serve them behind one start page."""
    from apps.start.processes import servers, train

    apps = applications()
    for one in apps:
        if serving(one, store).release_id is None:
            train(one, store)
    with servers(apps, store, host) as processes:

        def make_app(**access: Any) -> Any:
            from apps.start.server import build_app

            return build_app(apps, processes, store, host, **access)

        say("Starting the applications; the start page shows which are ready.")
        # Of sample data, which are everybody's.
        AccessOptions(host, without_keys=True).listen(make_app, port)


def _described(one: Application, release: Serving) -> str:
    state = "no release yet"
    if release.release_id:
        state = f"release {release.release_id}"
        if release.before is not None and release.after is not None:
            name = one.metric.replace("_", " ")
            state += f", {name} {release.before:.3f} → {release.after:.3f}"
    return f"{one.title}: {one.purpose}\n  {state}\n  python -m apps.{one.name} --help\n"
