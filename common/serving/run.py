"""From an application to a listening server, and to its orderly end."""

from __future__ import annotations

import errno
import ipaddress
import signal
import socket
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from common.console import say
from common.errors import UserError
from common.serving.logs import logging_settings
from common.serving.middleware.browser import LOOPBACK_NAMES

# Longer than any answer takes; after that the rest is cut off.
GRACEFUL_SECONDS = 30


def known_hosts(host: str, names: Collection[str] = ()) -> frozenset[str] | None:
    """The names a server bound to `host` answers to; None for any.

    On loopback a name is always checked: a page elsewhere can point its own name here.
    """
    if _is_loopback(host) or names:
        return LOOPBACK_NAMES | {host} | frozenset(names)
    return None


def serve(
    make_app: Callable[[], ASGIApp],
    host: str,
    port: int,
    *,
    has_api_keys: bool,
    on_listening: Callable[[str], None],
    on_stopping: Callable[[], None] = lambda: None,
) -> None:
    """Serve until SIGTERM or SIGINT, then finish what was accepted and return.

    The port is taken before `make_app` loads anything. `on_listening` gets the address, once
    requests are answered; `on_stopping` is the time to end streams that have no end of their own.

    Raises:
        UserError: the host or the port cannot be had.
    """
    with _listen(host, port) as listener:
        if not has_api_keys and not _is_loopback(host):
            say(f"Warning: anybody who reaches {host} can use this server: it has no API keys.")
        config = uvicorn.Config(
            make_app(),
            lifespan="on",
            log_config=logging_settings(),
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACEFUL_SECONDS,
        )
        server = _Server(config, lambda: on_listening(_address(host, listener)), on_stopping)
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


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _address(host: str, listener: socket.socket) -> str:
    # Nobody can visit the address that means all of them.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    port = listener.getsockname()[1]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
