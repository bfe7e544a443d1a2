"""A client of httpx that connects to allowed addresses only, in an event loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

import httpcore
import httpx

from common.addresses import check, check_by_name, is_proxied


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
            addresses = list(dict.fromkeys(str(info[4][0]) for info in infos))
            for address in addresses:
                await asyncio.to_thread(check, address)
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        for address in addresses[:-1]:
            try:
                return await self._inner.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except httpcore.ConnectError:
                continue
        return await self._inner.connect_tcp(
            addresses[-1], port, timeout, local_address, socket_options
        )

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
