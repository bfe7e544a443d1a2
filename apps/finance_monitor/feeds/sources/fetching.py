"""Requests to the web: bounded in bytes, in time and in how often, and never led astray.

The address that a user wrote may be one of a private network; where a link or a redirect leads may
not. Neither is this machine, unless that is allowed by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from time import monotonic, sleep
from typing import TYPE_CHECKING

from common.addresses import OwnAddressError, guarded, is_proxied
from common.durations import retry_after
from common.errors import UserError

if TYPE_CHECKING:
    import httpx

TIMEOUT_SECONDS = 15.0
# A server that sends a byte now and then is given up as well.
LONGEST_SECONDS = 60.0
LARGEST_BYTES = 16 * 1024 * 1024
MOST_REDIRECTS = 5
LONGEST_PAUSE = 3600.0
NOT_MODIFIED = 304
USER_AGENT = "bizlm/0.1 (feed reader)"
ACCEPT = "application/atom+xml, application/rss+xml, application/xml;q=0.9, */*;q=0.5"


@dataclass(frozen=True)
class Reply:
    """An answer of 200, or of 304 without content.

    Attributes:
        url: where it came from, redirects followed.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def pause(self) -> float:
        """Seconds for which the publisher says that it holds, an hour at most."""
        for part in self.headers.get("Cache-Control", "").split(","):
            name, _, value = part.strip().partition("=")
            if name == "max-age" and value.isdecimal():
                return min(LONGEST_PAUSE, float(value))
        return 0.0


class Web:
    """What all sources ask through, from any thread.

    Args:
        pause: waits so many seconds.
    """

    def __init__(self, pause: Callable[[float], None] = sleep) -> None:
        import httpx

        from apps.finance_monitor.feeds.sources.addresses import PublicTransport

        headers = {"User-Agent": USER_AGENT, "Accept": ACCEPT}
        trust = httpx.create_ssl_context()
        self._any = httpx.Client(timeout=TIMEOUT_SECONDS, headers=headers, verify=trust)
        self._public = httpx.Client(
            timeout=TIMEOUT_SECONDS, headers=headers, transport=PublicTransport(trust)
        )
        self._pause = pause
        self._lock = Lock()
        self._next: dict[str, float] = {}

    def get(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        *,
        is_link: bool = False,
        allow_private: bool = False,
        largest: int | None = None,
    ) -> Reply:
        """What is at an address.

        Args:
            is_link: the address was found, and not written by a user.
            largest: bytes of the content; by default `LARGEST_BYTES`.

        Raises:
            UserError: it is larger, or takes too long, or is redirected too often.
            httpx.HTTPError: nobody answers, or with an error; or it leads to a private address.
        """
        return self._send(
            "GET", url, headers, None, is_link, allow_private, largest or LARGEST_BYTES
        )

    def post_form(self, url: str, form: Mapping[str, str], headers: Mapping[str, str]) -> Reply:
        """What an address that a user wrote answers to a form; as `get`."""
        return self._send("POST", url, headers, form, False, False, LARGEST_BYTES)

    def wait_turn(self, name: str, gap: float) -> None:
        """Wait until `gap` seconds have passed since the last turn that was given for `name`."""
        with self._lock:
            now = monotonic()
            turn = max(now, self._next.get(name, 0.0))
            self._next[name] = turn + gap
        if turn > now:
            self._pause(turn - now)

    def close(self) -> None:
        """Let go of the connections."""
        self._any.close()
        self._public.close()

    def _send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        form: Mapping[str, str] | None,
        is_link: bool,
        allow_private: bool,
        largest: int,
    ) -> Reply:
        import httpx

        deadline = monotonic() + LONGEST_SECONDS
        request = self._any.build_request(method, url, headers=headers, data=form)
        written = None if is_link else _origin(request.url)
        for _ in range(MOST_REDIRECTS + 1):
            if request.url.scheme not in {"http", "https"}:
                raise UserError(f"leads to {request.url.scheme}:, which is not of the web")
            is_trusted = allow_private or _origin(request.url) == written
            client = self._any if is_trusted else self._for_strangers(request.url)
            with self._sending(str(request.url)):
                answer = client.send(request, stream=True)
            try:
                if answer.next_request is not None and answer.status_code != NOT_MODIFIED:
                    request = answer.next_request
                    continue
                if answer.status_code != NOT_MODIFIED:
                    answer.raise_for_status()
                content = _content(answer, largest, deadline)
            finally:
                answer.close()
            return Reply(str(answer.url), answer.status_code, answer.headers, content)
        raise httpx.TooManyRedirects(f"redirected more than {MOST_REDIRECTS} times")

    @contextmanager
    def _sending(self, url: str) -> Iterator[None]:
        import httpx

        try:
            with guarded(url):
                yield
        except OwnAddressError as error:
            raise httpx.ConnectError(str(error)) from error

    def _for_strangers(self, url: httpx.URL) -> httpx.Client:
        """Connects to public addresses; behind a proxy it is the proxy that finds the machine."""
        import httpx

        from apps.finance_monitor.feeds.sources.addresses import (
            PrivateAddressError,
            public_addresses,
        )

        if not is_proxied(str(url)):
            return self._public
        try:
            public_addresses(url.host, url.port or 0)
        except PrivateAddressError as error:
            raise httpx.ConnectError(str(error)) from error
        except OSError:
            # Only the proxy knows the name.
            pass
        return self._any


def _origin(url: httpx.URL) -> tuple[str, int | None]:
    return url.host, url.port


def _content(answer: httpx.Response, largest: int, deadline: float) -> bytes:
    content = bytearray()
    for chunk in answer.iter_bytes():
        content += chunk
        if len(content) > largest:
            raise UserError(f"larger than {largest >> 20} MiB")
        if monotonic() > deadline:
            raise UserError(f"takes longer than {LONGEST_SECONDS:g} seconds")
    return bytes(content)


def asked_pause(answer: httpx.Response, now: float) -> float:
    """Seconds that the publisher asks to wait, a day at most."""
    return min(24 * LONGEST_PAUSE, retry_after(answer.headers.get("Retry-After", ""), now))
