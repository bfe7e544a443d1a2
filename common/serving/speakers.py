"""Who sent a request, hashed, and whether their word alone counts."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from fastapi import HTTPException, Request

from common.learning.sources import hashed

FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")
NOT_TRUSTED = "Only whose key is trusted may do this: serve with --trust NAME."


@dataclass(frozen=True)
class Speaker:
    """Who is speaking, hashed; `subject` is the user that the caller speaks for."""

    source: str
    subject: str | None
    trusted: bool


class Speakers:
    """Knows who is trusted.

    Where the server has no keys, whoever sits at this very machine is.

    Args:
        root: the application's directory.
        trusted_keys: names of keys whose word alone counts.
    """

    def __init__(
        self, root: Path, trusted_keys: Collection[str] = (), *, has_keys: bool = False
    ) -> None:
        self._root = root
        self._trusted_keys = frozenset(trusted_keys)
        self._has_keys = has_keys

    def of(self, request: Request, user: str | None = None) -> Speaker:
        """Who sent `request`, for which of its own users."""
        key: str | None = getattr(request.state, "api_key_name", None)
        host = request.client.host if request.client else ""
        name = f"key {key}" if key else f"address {host}"
        here = not self._has_keys and _is_this_machine(host, request)
        return Speaker(
            source=hashed(self._root, f"{name} user {user}" if user else name),
            subject=hashed(self._root, user) if user else None,
            trusted=key in self._trusted_keys if key else here,
        )

    def owner(self, request: Request) -> str:
        """Whose key sent `request`, hashed: what it began is nobody else's; empty without keys."""
        key: str | None = getattr(request.state, "api_key_name", None)
        return hashed(self._root, f"key {key}") if key else ""

    def require_trust(self, request: Request) -> Speaker:
        """Who sent `request`, if they are trusted; else it is refused with 403."""
        speaker = self.of(request)
        if not speaker.trusted:
            raise HTTPException(403, NOT_TRUSTED)
        return speaker


def _is_this_machine(host: str, request: Request) -> bool:
    # Behind a proxy everybody comes from here.
    if any(name in request.headers for name in FORWARDED):
        return False
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return False
