"""From an application to a listening server, and to its orderly end."""

from __future__ import annotations

import errno
import ipaddress
import json
import signal
import socket
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
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
# Nobody can visit the address that means all of them.
HERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}
# How long, and how much, it takes a server of ours to say what it is.
ANSWER_SECONDS, ANSWER_BYTES = 2.0, 1000


class PortInUseError(UserError):
    """Something listens there."""

    def __init__(self, port: int) -> None:
        super().__init__(f"port {port} is in use", hint="Choose another: --port N")


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


def check_address(host: str, port: int, title: str) -> None:
    """See that a server may listen there once one that does so ends: who stands by finds out now.

    Nothing is taken by that: neither a client nor a server that begins meanwhile sees it.

    Args:
        title: of the application, which the one that listens there must have as well.

    Raises:
        UserError: the host or the port cannot be had, or what listens there is no such server.
    """
    try:
        _bind(host, port).close()
    except PortInUseError:
        if not _may_be_another(title, HERE.get(host, host), port):
            raise


def _may_be_another(title: str, host: str, port: int) -> bool:
    """Whether a server of this application answers there, or nothing does yet."""
    connection = HTTPConnection(host, port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", "/healthz")
        told = json.loads(connection.getresponse().read(ANSWER_BYTES))
        # One from before the servers had names is taken for another of this application.
        is_alive = isinstance(told, dict) and told.get("status") == "alive"
        return is_alive and told.get("server", title) == title
    except (HTTPException, ValueError):
        return False
    except OSError:
        # It ends, or is too busy: one that is another's is rarely so.
        return True
    finally:
        connection.close()


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
    listener = _bind(host, port)
    try:
        listener.listen()
    except OSError:
        listener.close()
        raise PortInUseError(port) from None
    # Else the body of a reply waits 40 ms for the client to acknowledge its headers; asyncio sets
    # it only on sockets that it made itself.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _bind(host: str, port: int) -> socket.socket:
    """A socket that does not listen yet: until it does, others may bind as well."""
    if not 0 <= port <= 65535:
        raise UserError(f"no such port: {port}", hint="Choose one from 1 to 65535: --port N")
    other_host = "Choose an address of this machine: --host 127.0.0.1"
    try:
        family, *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (socket.gaierror, UnicodeError):
        raise UserError(f"no such host: {host}", hint=other_host) from None
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        match error.errno:
            case errno.EADDRINUSE:
                raise PortInUseError(port) from None
            case errno.EACCES:
                what, hint = f"port {port} needs more rights", "Choose one above 1023: --port N"
            case errno.EADDRNOTAVAIL:
                what, hint = f"{host} is no address of this machine", other_host
            case _:
                raise
        raise UserError(what, hint=hint) from None
    return bound


def is_loopback(host: str) -> bool:
    """Whether it is this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _address(host: str, listener: socket.socket) -> str:
    host = HERE.get(host, host)
    port = listener.getsockname()[1]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
