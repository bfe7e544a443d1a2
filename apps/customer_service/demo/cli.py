"""`demo`: the sample data, fine-tuned and served."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from apps.customer_service.demo.samples import FIRST_SETTINGS, SETTINGS, files, serves_first_release
from apps.customer_service.options_cli import open_registry
from apps.customer_service.serve_cli import serve as serve_release
from apps.customer_service.training.cli import train
from common.cli import LOOPBACK, Host, Port, Store
from common.console import say
from common.tuning.settings_cli import SettingOptions

verbs = typer.Typer()


@verbs.command()
def demo(
    serve: Annotated[
        bool,
        typer.Option(
            "--serve",
            help="Serve a first release within about a minute, and fine-tune beside it.",
        ),
    ] = False,
    host: Host = LOOPBACK,
    port: Port = 8000,
    store: Store = Path("var"),
) -> None:
    """Fine-tune on the sample data, unless there is a release already."""
    registry = open_registry(store)
    current = registry.current_id()
    if serve:
        if current is None:
            say("A first release of the sample data, its encoder as it is: about a minute.")
            _train(store, FIRST_SETTINGS)
        _serve(store, host, port, fine_tune=serves_first_release(registry))
    elif current is None or serves_first_release(registry):
        _train(store, SETTINGS)
    else:
        say(f"Release {current} already exists.")


def _train(store: Path, settings: Mapping[str, str]) -> None:
    train(
        faqs=files("faqs"),
        questions=files("questions"),
        test=files("test"),
        given=SettingOptions([f"{name}={value}" for name, value in settings.items()]),
        resume=True,
        store=store,
    )


def _serve(store: Path, host: str, port: int, *, fine_tune: bool) -> None:
    from contextlib import nullcontext

    from apps.customer_service.demo.beside import fine_tuning

    with fine_tuning(store) if fine_tune else nullcontext():
        serve_release(host=host, port=port, learn="at-once", store=store)
