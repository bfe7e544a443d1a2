"""Where this process may connect to when a user, a feed or a redirect names the address.

A server that asks whatever address it is given can be made to ask its own machine, or what a cloud
tells a machine alone, credentials among it (server-side request forgery, CWE-918). Such addresses
are asked only where they are allowed by name. What counts is the address that is connected to: a
name may mean another one a moment after it was looked up.
"""

from __future__ import annotations

import os
import socket
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from common.errors import UserError

VARIABLE = "BIZLM_ALLOW_ADDRESS"
# IPv4 behind NAT64 (RFC 6052): the last four bytes are the address.
NAT64 = IPv6Network("64:ff9b::/96")
# What clouds answer machines at, beside the link-local 169.254.169.254: Alibaba Cloud, Azure,
# Oracle, AWS and Google by IPv6.
METADATA = tuple(
    map(
        ip_network,
        ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::/32", "fd20:ce::/32"),
    )
)
# Of a proxy that is named without one.
PROXY_PORTS = frozenset({80, 443, 1080})


@dataclass(frozen=True)
class _Proxy:
    host: str
    ports: frozenset[int]

    def is_at(self, address: str, port: int) -> bool:
        return port in self.ports and address in (self.host, *_addresses(self.host))


@dataclass(frozen=True)
class _Guard:
    """The proxies that are needed meanwhile, and what was refused."""

    proxies: frozenset[_Proxy]
    refused: list[str] = field(default_factory=list)


# Set where connections are looked at; threads that are given this context look as well.
_guard: ContextVar[_Guard | None] = ContextVar("guard", default=None)


class OwnAddressError(OSError):
    """It leads to this machine, or to what its cloud tells it alone, and nobody allowed that."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"{host} is this machine, or what its cloud tells it alone; if that is meant, "
            f"say --allow-address {host}"
        )


def unwrapped(address: str) -> IPv4Address | IPv6Address | None:
    """An address as it is connected to, taken out of IPv6; None where a tunnel hides it."""
    found = ip_address(address.partition("%")[0])
    if isinstance(found, IPv4Address):
        return found
    if found in NAT64:
        return IPv4Address(int(found) & 0xFFFFFFFF)
    if found.teredo:
        return None
    return found.ipv4_mapped or found.sixtofour or found


def is_public(address: str) -> bool:
    """Whether it is one of the public internet, also where it is wrapped into IPv6."""
    found = unwrapped(address)
    if found is None or not found.is_global or found.is_multicast:
        return False
    return not any(found in network for network in METADATA)


def is_own(address: str) -> bool:
    """Whether it is this machine, its link, or what its cloud answers it alone at."""
    found = unwrapped(address)
    if found is None or found.is_loopback or found.is_link_local or found.is_unspecified:
        return True
    return any(found in network for network in METADATA)


def allow(names: list[str] | None) -> list[str] | None:
    """Let this process, and those that it starts, connect to these hosts, whatever they are."""
    if names:
        os.environ[VARIABLE] = " ".join(names)
    return names


def check(address: str) -> None:
    """See that an address may be connected to.

    Raises:
        OwnAddressError: it may not.
    """
    if is_own(address) and not any(address in (name, *_addresses(name)) for name in _allowed()):
        raise OwnAddressError(address)


def check_host(host: str, where: str) -> None:
    """Refuse at once what needs no name server to be known: a number, or `localhost`.

    Raises:
        UserError: it may not be connected to.
    """
    if host in _allowed():
        return
    try:
        check("127.0.0.1" if _is_localhost(host) else str(ip_address(host)))
    except OwnAddressError:
        raise UserError(
            f"{host} is this machine, or what its cloud tells it alone",
            where=where,
            hint=f"If that is meant, say --allow-address {host}",
        ) from None
    except ValueError:
        # A name: what it means is looked at when it is connected to.
        pass


@contextmanager
def guarded(*urls: str) -> Iterator[list[str]]:
    """While it lasts, allowed addresses alone are connected to, by libraries of others too.

    Gives what was refused, in words, for libraries that keep the reason to themselves.

    Args:
        urls: what is asked; where a proxy of the environment finds the machine, and this one knows
            the name as well, the address is looked at before, and the proxy is connected to
            wherever it is.

    Raises:
        OwnAddressError: out of whatever connects; libraries may wrap it, or swallow it.
    """
    _watch_connections()
    proxies = {url: proxy for url in urls if (proxy := _proxy_of(url))}
    for url in proxies:
        check_by_name(urlsplit(url).hostname or "")
    guard = _Guard(frozenset(proxies.values()))
    token = _guard.set(guard)
    try:
        yield guard.refused
    finally:
        _guard.reset(token)


def check_by_name(host: str) -> None:
    """See that what a name means here may be connected to; an unknown name means nothing.

    Raises:
        OwnAddressError: it may not.
    """
    for address in _addresses(host):
        check(address)


def is_proxied(url: str) -> bool:
    """Whether a proxy that the environment names connects to an address."""
    return _proxy_of(url) is not None


def _proxy_of(url: str) -> _Proxy | None:
    address = urlsplit(url)
    proxies = urllib.request.getproxies()
    named = proxies.get(address.scheme) or proxies.get("all")
    if not named or urllib.request.proxy_bypass(address.hostname or ""):
        return None
    try:
        # Clients take a proxy without a scheme for one of http.
        proxy = urlsplit(named if "://" in named else f"http://{named}")
        port = proxy.port
    except ValueError:
        # No client can use it either.
        return None
    return _Proxy(proxy.hostname or "", frozenset({port}) if port else PROXY_PORTS)


@cache
def _watch_connections() -> None:
    """Python tells an audit hook of each connection, whoever makes it (PEP 578)."""

    def look(event: str, arguments: tuple[object, ...]) -> None:
        if event != "socket.connect":
            return
        guard = _guard.get()
        if guard is None or not isinstance(arguments[1], tuple):
            return
        host, port = str(arguments[1][0]), int(arguments[1][1])
        try:
            check_by_name(host)
        except OwnAddressError as error:
            if any(proxy.is_at(host, port) for proxy in guard.proxies):
                return
            guard.refused.append(str(error))
            raise

    sys.addaudithook(look)


def _allowed() -> list[str]:
    """The hosts that are allowed by name."""
    return os.environ.get(VARIABLE, "").split()


def _addresses(name: str) -> list[str]:
    """What a name means; a number means itself."""
    try:
        infos = socket.getaddrinfo(name.strip("[]"), None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(str(info[4][0]) for info in infos))


def _is_localhost(host: str) -> bool:
    return host.lower().rstrip(".") == "localhost" or host.lower().endswith(".localhost")
