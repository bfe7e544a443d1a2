"""Who asks without a key: visitors of other sites that show a page of this server."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from pydantic import AnyHttpUrl, ValidationError

from common.errors import UserError
from common.serving.middleware.browser import LOOPBACK_NAMES

HOST = re.compile(r"(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*|\[[0-9a-f:]+\]")


@dataclass(frozen=True)
class Visitors:
    """What is open to them.

    Attributes:
        origins: the sites that may show the page, as `https://shop.example`.
        posts_per_minute: how often one address may ask without a key.
        paths: what needs no key; one that ends in `/` stands for all below it.
    """

    origins: tuple[str, ...]
    posts_per_minute: int
    paths: tuple[str, ...] = ()

    def may_ask(self, path: str) -> bool:
        """Whether `path` needs no key."""
        return any(path.startswith(one) if one.endswith("/") else path == one for one in self.paths)

    @property
    def at_this_machine(self) -> bool:
        """Whether all sites are ones that somebody builds at this machine."""
        return all(urlsplit(origin).hostname in LOOPBACK_NAMES for origin in self.origins)


def read_origins(given: Iterable[str]) -> tuple[str, ...]:
    """Origins as browsers write them; `https://*.shop.example` stands for all names below it.

    Raises:
        UserError: one is no origin, or not of https and of another machine.
    """
    return tuple(dict.fromkeys(_read_origin(one) for one in given))


def _read_origin(given: str) -> str:
    hint = "Scheme and host, and the port if it is not the usual: --embed-on https://shop.example"
    try:
        url = AnyHttpUrl(given)
    except ValidationError:
        raise UserError(f"no origin of a site: {given}", hint=hint) from None
    host = url.host or ""
    beside = (url.username, url.query, url.fragment, (url.path or "/").strip("/"))
    if any(beside) or not HOST.fullmatch(host):
        raise UserError(f"no origin of a site: {given}", hint=hint)
    if url.scheme != "https" and host.strip("[]") not in LOOPBACK_NAMES:
        raise UserError(
            f"could be changed on its way to the browser: {given}",
            hint="Only sites of https, or of this machine, may show the chat.",
        )
    usual = url.port == {"http": 80, "https": 443}[url.scheme]
    return f"{url.scheme}://{host}" if usual else f"{url.scheme}://{host}:{url.port}"
