"""`serve`: the monitor as a server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from apps.finance_monitor.options_cli import (
    Delay,
    Entities,
    Escalate,
    FalseAlarms,
    Lateness,
    Notify,
    WindowWidth,
    open_registry,
)
from common.cli import Device, Store, new_app
from common.console import say
from common.errors import UserError

verbs = new_app("Serve.")


@verbs.command()
def serve(
    feed: Annotated[
        str | None, typer.Option("--feed", help="Follow this; else what is posted to /v1/records.")
    ] = None,
    scored: Annotated[
        bool, typer.Option("--scored", help="The feed was scored by `watch --score-only`.")
    ] = False,
    entities: Entities = None,
    false_alarms: FalseAlarms = "1 per 30d",
    window: WindowWidth = "1h",
    allowed_lateness: Lateness = "5min",
    delay: Delay = "0",
    escalate_after: Escalate = None,
    notify: Notify = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8001,
    api_key_file: Annotated[
        Path | None, typer.Option(help="Require a key; see the verb `keys`.")
    ] = None,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="A further name the server may be addressed by.")
    ] = None,
    device: Device = "auto",
    store: Store = Path("var"),
) -> None:
    """Watch, and show trends and alerts on a page."""
    from apps.finance_monitor.running import Options

    options = Options(
        false_alarms, window, allowed_lateness, delay, escalate_after, entities, notify or ()
    )
    options.rules()
    if scored and not feed:
        raise UserError("--scored: what is posted is not scored yet", mend="Name a --feed.")
    registry = open_registry(store)
    if registry.current_id() is None:
        registry.open()

    def make_service() -> Any:
        from apps.finance_monitor.service import MonitorService

        say("Loading the release …")
        return MonitorService(registry, options, feed, scored=scored, device=device)

    _serve(make_service, host, port, api_key_file, allow_host or [])


def _serve(
    make_service: Callable[[], Any],
    host: str,
    port: int,
    api_key_file: Path | None,
    names: list[str],
) -> None:
    from common.serving.api_keys import ApiKeys
    from common.serving.run import known_hosts
    from common.serving.run import serve as listen

    api_keys = ApiKeys.load(api_key_file) if api_key_file else None
    made: list[Any] = []

    def make_app() -> Any:
        from apps.finance_monitor.server import build_app

        hosts = known_hosts(host, names)
        made.append(build_app(make_service(), api_keys=api_keys, known_hosts=hosts))
        return made[0]

    def stop() -> None:
        made[0].state.stop()

    listen(
        make_app,
        host,
        port,
        has_api_keys=api_keys is not None,
        on_listening=lambda address: say(f"Ready: {address}  (Ctrl+C stops)"),
        on_stopping=stop,
    )
