"""`/metrics` for a process that serves nothing else."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

from prometheus_client import CollectorRegistry, start_http_server

from apps.finance_monitor.watch.counters import Counters
from apps.finance_monitor.watch.metrics import WatchMetrics
from common.console import say
from common.errors import UserError
from common.rules.live import LiveRules, RuleMetrics

LOOPBACK = "127.0.0.1"

Show = Callable[[Callable[[], Counters]], None]


@contextmanager
def metrics_at(address: str | None, rules: LiveRules[Any] | None = None) -> Iterator[Show]:
    """Serve at `PORT` of this machine alone, or at `HOST:PORT`; port 0 takes any, None serves none.

    The port is taken at once, before anything is loaded. What is yielded takes the source of the
    figures, which is asked anew for each scrape.

    Raises:
        UserError: no such address, or it cannot be had.
    """
    registry = CollectorRegistry()
    if rules:
        registry.register(RuleMetrics(rules))

    def show(counters: Callable[[], Counters]) -> None:
        registry.register(WatchMetrics(counters))

    if address is None:
        yield show
        return
    server, thread = _listen(address, registry)
    say(f"Metrics: http://{_shown(*server.server_address[:2])}/metrics")
    try:
        yield show
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _listen(address: str, registry: CollectorRegistry) -> tuple[Any, Thread]:
    where = f"--metrics {address}"
    host, _, port = address.rpartition(":")
    if not (port.isascii() and port.isdigit() and int(port) <= 65535):
        raise UserError("neither PORT nor HOST:PORT", where=where, hint="For example 9100.")
    try:
        return start_http_server(int(port), host.strip("[]") or LOOPBACK, registry)
    except (socket.gaierror, UnicodeError):
        raise UserError("no such host", where=where) from None
    except OSError as error:
        reasons = {
            errno.EADDRINUSE: f"port {port} is in use",
            errno.EACCES: f"port {port} needs more rights",
            errno.EADDRNOTAVAIL: f"{host} is no address of this machine",
        }
        raise UserError(
            reasons.get(error.errno or 0, str(error)), where=where, hint="Choose another."
        ) from None


def _shown(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
