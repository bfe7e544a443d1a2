"""`demo`: the sample data, fine-tuned and served."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from apps.customer_service import serve_cli
from apps.customer_service.options_cli import FileOptions, OwnReplies, open_registry
from apps.customer_service.training.cli import train
from common.cli import Store
from common.console import say
from common.errors import UserError
from common.files import exclusive_lock
from common.learning.candidates.groups_cli import GroupOptions
from common.learning.train_cli import TrainOptions
from common.serving.listening_cli import LOOPBACK, Host, Port
from common.tuning.settings_cli import SettingOptions

if TYPE_CHECKING:
    from common.releases.registry import Registry

verbs = typer.Typer()


@verbs.command()
def demo(
    serve: Annotated[
        bool,
        typer.Option(
            "--serve",
            help="Serve a first release within one to four minutes, and fine-tune beside it.",
        ),
    ] = False,
    beside: Annotated[
        bool, typer.Option("--beside", hidden=True, help="As what --serve begins: ends with stdin.")
    ] = False,
    host: Host = LOOPBACK,
    port: Port = 8000,
    replies: OwnReplies = None,
    store: Store = Path("var"),
) -> None:
    """Fine-tune on the sample data, unless there is a release already."""
    from apps.customer_service.conversation.replies import read_replies
    from apps.customer_service.demo.samples import FIRST_SETTINGS, awaits_fine_tuning

    if replies and not serve:
        raise UserError("--replies: nothing is served", hint="Give --serve as well.")
    if replies:
        # Before minutes are spent on what is then not served.
        read_replies(replies)
    registry = open_registry(store)
    if beside:
        from apps.customer_service.demo.beside import end_with_stdin

        end_with_stdin()
    if not serve:
        with exclusive_lock(registry.root / "demo.lock"):
            _fine_tune(registry)
        return
    if registry.current_id() is None:
        say("A first release of the sample data, its encoder as it is: one to four minutes.")
        with exclusive_lock(registry.root / "demo.lock"):
            _train(store, FIRST_SETTINGS)
    _serve(store, host, port, replies, fine_tune=awaits_fine_tuning(registry))


def _fine_tune(registry: Registry) -> None:
    from apps.customer_service.demo.samples import SETTINGS, awaits_fine_tuning

    store, current = registry.root.parent, registry.current_id()
    if current is None:
        _train(store, SETTINGS)
    elif awaits_fine_tuning(registry):
        from apps.customer_service.demo.fine_tuning import fine_tune

        fine_tune(store)
    else:
        say(f"Release {current} already exists.")


def _train(store: Path, settings: Mapping[str, str]) -> None:
    from apps.customer_service.demo.samples import files

    train(
        files=FileOptions(files("faqs"), files("questions"), test=files("test")),
        run=TrainOptions(resume=True),
        holding=GroupOptions(),
        given=SettingOptions([f"{name}={value}" for name, value in settings.items()]),
        store=store,
    )


def _serve(store: Path, host: str, port: int, replies: Path | None, *, fine_tune: bool) -> None:
    from contextlib import nullcontext

    from apps.customer_service.demo.beside import fine_tuning

    # As from the command line, so that what the environment says counts.
    server = typer.main.get_command(serve_cli.verbs)
    options = ["--host", host, "--port", str(port), "--learn", "at-once", "--store", str(store)]
    options += ["--replies", str(replies)] if replies else []
    with fine_tuning(store, host, port) if fine_tune else nullcontext():
        server.main(options, standalone_mode=False)
