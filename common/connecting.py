"""A client of httpx that connects to allowed addresses only, in an event loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable, Iterator, Sequence
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import httpcore
import httpx

from common.addresses import OwnAddressError, check, check_by_name, is_proxied

# What another address may do better.
UNREACHED = (httpcore.ConnectError, httpcore.ConnectTimeout)


class AllowedTransport(httpx.AsyncHTTPTransport):
    """Connects to addresses that `common.addresses.check` lets pass."""

    def __init__(self) -> None:
        trust = httpx.create_ssl_context()
        super().__init__(verify=trust)
        self._pool = httpcore.AsyncConnectionPool(ssl_context=trust, network_backend=_Backend())


async def transport_to(url: str) -> AllowedTransport | None:
    """How to connect to an address; None: as httpx does, through the environment's proxy.

    Raises:
        httpx.ConnectError: it may not be connected to.
    """
    if not is_proxied(url):
        return AllowedTransport()
    try:
        await asyncio.to_thread(check_by_name, urlsplit(url).hostname or "")
    except OSError as error:
        raise httpx.ConnectError(str(error)) from error
    return None


def with_shares(
    addresses: Sequence[str], timeout: float | None
) -> Iterator[tuple[str, float | None]]:
    """Addresses of one host to try in turn, each with its share of the seconds that are left."""
    deadline = None if timeout is None else monotonic() + timeout
    for tried, address in enumerate(addresses):
        left = None if deadline is None else max(deadline - monotonic(), 0.0)
        yield address, None if left is None else left / (len(addresses) - tried)


class _Backend(httpcore.AsyncNetworkBackend):
    def __init__(self) -> None:
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            infos = await asyncio.get_running_loop().getaddrinfo(
                host, port, type=socket.SOCK_STREAM
            )
            addresses = await asyncio.to_thread(
                _permitted, dict.fromkeys(str(info[4][0]) for info in infos)
            )
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        unreached: Exception = httpcore.ConnectError(f"{host} has no address")
        for address, seconds in with_shares(addresses, timeout):
            try:
                return await self._inner.connect_tcp(
                    address, port, seconds, local_address, socket_options
                )
            except UNREACHED as error:
                unreached = error
        raise unreached

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def _permitted(addresses: Iterable[str]) -> list[str]:
    """Those that may be connected to.

    Raises:
        OwnAddressError: there are some, and none may.
    """
    found: list[str] = []
    refused: OwnAddressError | None = None
    for address in addresses:
        try:
            check(address)
            found.append(address)
        except OwnAddressError as error:
            refused = error
    if refused and not found:
        raise refused
    return found
