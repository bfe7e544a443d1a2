"""From an application to a listening server, and to its orderly end."""

from __future__ import annotations

import errno
import ipaddress
import signal
import socket
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp

from common.console import say
from common.errors import UserError
from common.serving.logs import logging_settings
from common.serving.middleware.browser import LOOPBACK_NAMES
from common.serving.workers.supervising import Workers

# Longer than any answer takes; after that the rest is cut off.
GRACEFUL_SECONDS = 30


def known_hosts(host: str, names: Collection[str] = ()) -> frozenset[str] | None:
    """The names a server bound to `host` answers to; None for any.

    On loopback a name is always checked: a page elsewhere can point its own name here.
    """
    if is_loopback(host) or names:
        return LOOPBACK_NAMES | {host} | frozenset(names)
    return None


def check_keys(host: str, has_api_keys: bool, without_keys: bool) -> None:
    """See that nobody can use a server without a key, unless that is meant.

    Raises:
        UserError: others could.
    """
    if not (has_api_keys or is_loopback(host) or without_keys):
        raise UserError(
            f"anybody who reaches {host} could use this server: it has no API keys",
            hint="Make one (see the verb `keys`) and give --api-key-file, or say --without-keys.",
        )


def serve(
    make_app: Callable[[], Starlette],
    host: str,
    port: int,
    *,
    has_api_keys: bool,
    on_listening: Callable[[str], None],
    on_stopping: Callable[[], None] = lambda: None,
    workers: int = 1,
    without_keys: bool = False,
) -> None:
    """Serve until SIGTERM or SIGINT, then finish what was accepted and return.

    With several `workers`, each is a process that calls `make_app`, and one that dies is replaced;
    this process only watches them.

    The port is taken before `make_app` loads anything. `on_listening` gets the address, once
    requests are answered; `on_stopping` is the time to end streams that have no end of their own.

    Raises:
        UserError: the host or the port cannot be had, or others could use the server without a
            key and nobody asked for that by `without_keys`.
        SystemExit: a worker could not begin; it has said why.
    """
    is_open = not has_api_keys and not is_loopback(host)
    check_keys(host, has_api_keys, without_keys)
    with _listen(host, port) as listener:
        if is_open:
            say(f"Warning: anybody who reaches {host} can use this server: it has no API keys.")

        def announce() -> None:
            on_listening(_address(host, listener))

        if workers == 1:
            _serve_on(listener, make_app(), announce, on_stopping)
            return
        with TemporaryDirectory(prefix="bizlm-workers-") as shared:

            def work(say_ready: Callable[[], None]) -> None:
                try:
                    app = make_app()
                except UserError as error:
                    # In a process of its own, where nobody else shows it.
                    say(f"Error: {error}")
                    raise SystemExit(error.exit_code) from None
                app.state.telemetry.share(Path(shared))
                _serve_on(listener, app, say_ready, on_stopping)

            code = Workers(workers, work, announce).run()
        if code:
            raise SystemExit(code)


def _serve_on(
    listener: socket.socket,
    app: ASGIApp,
    on_listening: Callable[[], None],
    on_stopping: Callable[[], None],
) -> None:
    config = uvicorn.Config(
        app,
        lifespan="on",
        log_config=logging_settings(),
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
    )
    server = _Server(config, on_listening, on_stopping)
    with _stop_signals_spent():
        server.run(sockets=[listener])


class _Server(uvicorn.Server):
    def __init__(
        self,
        config: uvicorn.Config,
        on_listening: Callable[[], None],
        on_stopping: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._on_listening = on_listening
        self._on_stopping = on_stopping

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_listening()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._on_stopping()
        await super().shutdown(sockets)


@contextmanager
def _stop_signals_spent() -> Iterator[None]:
    # Uvicorn raises the signal that stopped it once more, for the handlers it found: with the
    # usual ones, an orderly end would look like a killed process.
    stops = (signal.SIGTERM, signal.SIGINT)
    found = {stop: signal.signal(stop, signal.SIG_IGN) for stop in stops}
    try:
        yield
    finally:
        for stop, handler in found.items():
            signal.signal(stop, handler)


def _listen(host: str, port: int) -> socket.socket:
    if not 0 <= port <= 65535:
        raise UserError(f"no such port: {port}", hint="Choose one from 1 to 65535: --port N")
    other_host = "Choose an address of this machine: --host 127.0.0.1"
    try:
        family, *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server((host, port), family=family)
        # Else the body of a reply waits 40 ms for the client to acknowledge its headers; asyncio
        # sets it only on sockets that it made itself.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except (socket.gaierror, UnicodeError):
        raise UserError(f"no such host: {host}", hint=other_host) from None
    except OSError as error:
        match error.errno:
            case errno.EADDRINUSE:
                what, hint = f"port {port} is in use", "Choose another: --port N"
            case errno.EACCES:
                what, hint = f"port {port} needs more rights", "Choose one above 1023: --port N"
            case errno.EADDRNOTAVAIL:
                what, hint = f"{host} is no address of this machine", other_host
            case _:
                raise
        raise UserError(what, hint=hint) from None


def is_loopback(host: str) -> bool:
    """Whether it is this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _address(host: str, listener: socket.socket) -> str:
    # Nobody can visit the address that means all of them.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    port = listener.getsockname()[1]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
