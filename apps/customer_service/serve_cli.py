"""The verb `serve` of customer service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from common.cli import Device, Store
from common.console import say

verbs = typer.Typer()


@verbs.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8000,
    api_key_file: Annotated[
        Path | None, typer.Option(help="Require a key; see the verb `keys`.")
    ] = None,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="A further name the server may be addressed by.")
    ] = None,
    device: Device = "auto",
    store: Store = Path("var"),
) -> None:
    """Answer over HTTP, with a page to chat on."""
    from common.releases.registry import Registry
    from common.serving.api_keys import ApiKeys
    from common.serving.run import known_hosts
    from common.serving.run import serve as listen

    registry = Registry(store, "customer_service")
    if registry.current_id() is None:
        registry.open()
    api_keys = ApiKeys.load(api_key_file) if api_key_file else None

    def make_app() -> Any:
        from apps.customer_service.server import build_app

        say("Loading the release …")
        return build_app(
            registry,
            device=device,
            api_keys=api_keys,
            known_hosts=known_hosts(host, allow_host or ()),
        )

    listen(
        make_app,
        host,
        port,
        has_api_keys=api_keys is not None,
        on_listening=lambda address: say(f"Ready: {address}  (Ctrl+C stops)"),
    )
