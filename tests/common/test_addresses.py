"""Where a process may connect to."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from typing import Any

import httpcore
import httpx
import pytest

from common.addresses import (
    VARIABLE,
    OwnAddressError,
    allow,
    check,
    check_host,
    guarded,
    is_own,
    is_public,
)
from common.connecting import transport_to
from common.errors import UserError

OWN = (
    *("127.0.0.1", "127.8.8.8", "0.0.0.0", "::1", "::", "::ffff:127.0.0.1", "2002:7f00:1::"),
    *("169.254.169.254", "fe80::1%eth0", "64:ff9b::a9fe:a9fe", "100.100.100.200"),
    *("168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254"),
)
PRIVATE = (
    *("10.1.2.3", "192.168.0.1", "172.16.0.1", "fc00::1", "::ffff:10.0.0.1", "64:ff9b::a00:1"),
    *("2002:a00:1::", "100.64.0.1"),
)


@pytest.fixture(autouse=True)
def nothing_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE)
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("address", [*OWN, *PRIVATE, "224.0.0.1", "255.255.255.255"])
def test_what_is_not_of_the_internet_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"])
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)
    assert not is_own(address)


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_network_may_be_asked_by_who_writes_its_address(address: str) -> None:
    check(address)


@pytest.mark.parametrize("address", OWN)
def test_this_machine_and_what_its_cloud_tells_it_may_not(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(OwnAddressError):
        check(address)
    monkeypatch.setenv(VARIABLE, f"other.invalid {address}")
    check(address)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "::1", "169.254.169.254", "localhost", "A.LocalHost"]
)
def test_it_is_refused_at_the_start_with_the_option_that_allows_it(host: str) -> None:
    with pytest.raises(UserError, match="this machine") as refused:
        check_host(host, "--notify")
    assert f"--allow-address {host}" in str(refused.value.hint)
    check_host("hooks.example", "--notify")


def test_a_name_is_looked_at_where_it_leads_to(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was public at the start may be this machine when it is connected to."""
    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *more, **named: real(
            "127.0.0.1" if host == "rebinding.example" else host, *more, **named
        ),
    )
    check_host("rebinding.example", "--notify")
    with guarded() as refused, pytest.raises(OwnAddressError):
        socket.create_connection(("rebinding.example", port))
    assert "--allow-address 127.0.0.1" in refused[0]
    allow(["rebinding.example"])
    with guarded():
        socket.create_connection(("rebinding.example", port)).close()


def test_only_what_is_guarded_is_looked_at(port: int) -> None:
    with guarded():
        pass
    socket.create_connection(("127.0.0.1", port)).close()


@pytest.mark.parametrize("written", ["http://127.0.0.1:{}", "127.0.0.1:{}", "localhost:{}"])
def test_a_proxy_is_connected_to_and_asked_for_no_address_of_its_own(
    written: str, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", written.format(port))
    with guarded("http://hooks.invalid/"):
        socket.create_connection(("127.0.0.1", port)).close()
    with pytest.raises(OwnAddressError), guarded("http://169.254.169.254/"):
        pass


def test_a_proxy_on_this_machine_opens_nothing_but_itself(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("no_proxy", "direct.invalid")
    with pytest.raises(UserError):
        check_host("127.0.0.1", "--notify")
    with socket.create_server(("127.0.0.1", 0)) as other:
        ways = [
            ("http://hooks.invalid/", other.getsockname()[1]),
            ("http://direct.invalid/", port),
            ("https://hooks.invalid/", port),
        ]
        for url, asked in ways:
            with guarded(url), pytest.raises(OwnAddressError):
                socket.create_connection(("127.0.0.1", asked))


async def _ask(host: str, port: int) -> None:
    url = f"http://{host}:{port}/"
    async with httpx.AsyncClient(transport=await transport_to(url), timeout=0.2) as client:
        await client.get(url)


def _name(monkeypatch: pytest.MonkeyPatch, name: str, *addresses: str) -> None:
    """Let a name mean these addresses."""
    real = socket.getaddrinfo

    def look_up(host: str, *more: Any, **named: Any) -> list[Any]:
        asked = addresses if host == name else (host,)
        return [info for one in asked for info in real(one, *more, **named)]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


def test_an_event_loop_connects_to_what_is_allowed(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for host in ("127.0.0.1", "localhost"):
        with pytest.raises(httpx.ConnectError, match="--allow-address"):
            asyncio.run(_ask(host, port))
    monkeypatch.setenv(VARIABLE, "localhost")
    # Connected; nobody answers.
    with pytest.raises(httpx.ReadTimeout):
        asyncio.run(_ask("127.0.0.1", port))


def test_of_a_name_the_allowed_addresses_are_asked(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    _name(monkeypatch, "both.example", "::1", "127.0.0.1")
    monkeypatch.setenv(VARIABLE, "127.0.0.1")
    with pytest.raises(httpx.ReadTimeout):
        asyncio.run(_ask("both.example", port))
    monkeypatch.setenv(VARIABLE, "127.0.0.2")
    with pytest.raises(httpx.ConnectError, match="--allow-address"):
        asyncio.run(_ask("both.example", port))


@pytest.mark.parametrize("fault", [httpcore.ConnectError, httpcore.ConnectTimeout])
def test_an_address_that_does_not_answer_leaves_time_for_the_next(
    fault: type[Exception], port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = httpcore.AnyIOBackend.connect_tcp
    given: list[float] = []

    async def connect(self: Any, host: str, port: int, timeout: float, *more: Any) -> Any:
        given.append(timeout)
        if host == "192.0.2.1":
            raise fault
        return await real(self, host, port, timeout, *more)

    monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", connect)
    _name(monkeypatch, "both.example", "192.0.2.1", "127.0.0.1")
    monkeypatch.setenv(VARIABLE, "127.0.0.1")
    with pytest.raises(httpx.ReadTimeout):
        asyncio.run(_ask("both.example", port))
    assert len(given) == 2
    assert given[0] <= 0.1
