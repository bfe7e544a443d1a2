"""The options of what listens, and the listening."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from common.console import say

LOOPBACK = "127.0.0.1"
Host = Annotated[str, typer.Option("--host", help="Address to listen on.")]
Port = Annotated[int, typer.Option("--port", help="Port to listen on.")]
ApiKeyFile = Annotated[
    Path | None, typer.Option("--api-key-file", help="Require a key; see the verb `keys`.")
]
WithoutKeys = Annotated[
    bool,
    typer.Option("--without-keys", help="Let everybody who reaches --host use the server."),
]
Workers = Annotated[
    int,
    typer.Option(
        "--workers",
        min=1,
        max=64,
        help="Processes that answer on the port; each holds the model, and has its share of the "
        "processors.",
    ),
]
AllowHost = Annotated[
    list[str] | None,
    typer.Option("--allow-host", help="Another host name that the server accepts."),
]


@dataclass(frozen=True)
class AccessOptions:
    """Where a server listens, and who may ask it."""

    host: Host = LOOPBACK
    api_key_file: ApiKeyFile = None
    without_keys: WithoutKeys = False
    allow_host: AllowHost = None

    def check(self, port: int, title: str) -> None:
        """See, before it is time to, that `listen` will be able to.

        Args:
            title: of the server that may have the port until then; see `check_address`.

        Raises:
            UserError: as of `listen`.
        """
        from common.serving.keys.live import ApiKeys
        from common.serving.run import check_address, check_keys

        if self.api_key_file:
            ApiKeys.load(self.api_key_file)
        check_keys(self.host, self.api_key_file is not None, self.without_keys)
        check_address(self.host, port, title)

    def listen(
        self,
        make_app: Callable[..., Any],
        port: int,
        *,
        on_stopping: Callable[[], None] = lambda: None,
        workers: int = 1,
        following: Callable[[], Any] | None = None,
    ) -> None:
        """Serve until stopped; `make_app` gets `api_keys` and `known_hosts` as `create_app` does.

        Args:
            following: makes what follows the releases of all machines; see `find_release`.

        Raises:
            UserError: the keys cannot be read, there must be some, or the host or the port cannot
                be had.
        """
        from common.serving.keys.live import ApiKeys
        from common.serving.run import known_hosts, serve

        api_keys = ApiKeys.load(self.api_key_file) if self.api_key_file else None
        hosts = known_hosts(self.host, self.allow_host or ())

        def make() -> Any:
            app = make_app(api_keys=api_keys, known_hosts=hosts)
            if following is not None:
                app.state.follow(following())
            return app

        serve(
            make,
            self.host,
            port,
            has_api_keys=api_keys is not None,
            on_listening=lambda address: say(f"Ready: {address}  (Ctrl+C stops)"),
            on_stopping=on_stopping,
            workers=workers,
            without_keys=self.without_keys,
        )
