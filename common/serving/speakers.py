"""Who sent a request, hashed, and whether their word alone counts."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from fastapi import HTTPException, Request

from common.learning.sources import hashed
from common.serving.keys.key import ApiKey

FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")
NOT_TRUSTED = "Only whose key is trusted may do this: serve with --trust NAME, or give it scopes."


@dataclass(frozen=True)
class Speaker:
    """Who is speaking, hashed; `subject` is the user that the caller speaks for."""

    source: str
    subject: str | None
    trusted: bool


class Speakers:
    """Knows who is trusted: whose key may edit, or is named as trusted.

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
        key = key_of(request)
        host = request.client.host if request.client else ""
        name = f"key {key.name}" if key else f"address {host}"
        # A visitor may name any user, and must not be heard as many.
        named = f"{name} user {user}" if user and not self.is_visitor(request) else name
        here = not self._has_keys and is_here(request)
        return Speaker(
            source=hashed(self._root, named),
            subject=hashed(self._root, user) if user else None,
            trusted=self._trusts(key) if key else here,
        )

    def _trusts(self, key: ApiKey) -> bool:
        return key.name in self._trusted_keys or (key.is_scoped and "edit" in key.scopes)

    def is_visitor(self, request: Request) -> bool:
        """Whether it came without a key to a server that has keys."""
        return self._has_keys and key_of(request) is None

    def owner(self, request: Request) -> str:
        """Whose key sent `request`, hashed: what it began is nobody else's; empty without keys."""
        key = key_of(request)
        return hashed(self._root, f"key {key.name}") if key else ""

    def require_trust(self, request: Request) -> Speaker:
        """Who sent `request`, if they are trusted; else it is refused with 403.

        A key with scopes has the one that the route needs: `RequireKey` saw to that.
        """
        speaker, key = self.of(request), key_of(request)
        if not speaker.trusted and not (key and key.is_scoped):
            raise HTTPException(403, NOT_TRUSTED)
        return speaker


def key_of(request: Request) -> ApiKey | None:
    """The key that `request` was sent with."""
    key: ApiKey | None = getattr(request.state, "api_key", None)
    return key


def is_here(request: Request) -> bool:
    """Whether `request` came from this very machine."""
    # Behind a proxy everybody comes from here.
    if any(name in request.headers for name in FORWARDED):
        return False
    with suppress(ValueError):
        return ip_address(request.client.host if request.client else "").is_loopback
    return False
