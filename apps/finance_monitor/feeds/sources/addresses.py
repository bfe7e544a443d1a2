"""Which addresses may be asked that no user wrote: those of the public internet.

A link in a feed, or a redirect, could otherwise make this machine ask its own network
(server-side request forgery, CWE-918). Names are resolved here and the address that was checked is
the one connected to, so that a name cannot mean another one a moment later.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterable
from typing import Any

import httpcore
import httpx

from common.addresses import is_public
from common.connecting import UNREACHED, with_shares


class PrivateAddressError(OSError):
    """It leads to an address that is not public."""


def public_addresses(host: str, port: int) -> list[str]:
    """The addresses of a name.

    Raises:
        PrivateAddressError: one of them is not public.
        OSError: the name has none.
    """
    infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    found = list(dict.fromkeys(str(info[4][0]) for info in infos))
    for address in found:
        if not is_public(address):
            raise PrivateAddressError(
                f"{host} is {address}, a private address; with allow_private = true it is asked"
            )
    return found


class PublicTransport(httpx.HTTPTransport):
    """Connects to public addresses only."""

    def __init__(self, trust: ssl.SSLContext) -> None:
        super().__init__(verify=trust)
        self._pool = httpcore.ConnectionPool(ssl_context=trust, network_backend=_PublicBackend())


class _PublicBackend(httpcore.NetworkBackend):
    def __init__(self) -> None:
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            addresses = public_addresses(host, port)
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        unreached: Exception = httpcore.ConnectError(f"{host} has no address")
        for address, seconds in with_shares(addresses, timeout):
            try:
                return self._inner.connect_tcp(
                    address, port, seconds, local_address, socket_options
                )
            except UNREACHED as error:
                unreached = error
        raise unreached
