"""One key: its name, its hash, what it may do and when it holds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from common.errors import UserError
from common.serving.keys.scopes import Scope

NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class ApiKey:
    """A key as a file holds it.

    Attributes:
        digest: SHA-256 of the key, in hex.
        scopes: what it may do.
        valid_from, valid_until: the moments at which it begins and ends to hold, if it does.
        is_scoped: False for the older files, whose keys may do all, but are trusted only by
            `--trust`.
    """

    name: str
    digest: str
    scopes: frozenset[Scope]
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    is_scoped: bool = True

    def is_valid_at(self, now: datetime) -> bool:
        """Whether it holds at a moment."""
        has_begun = self.valid_from is None or self.valid_from <= now
        return has_begun and (self.valid_until is None or now < self.valid_until)


def digest_of(key: str) -> str:
    """The hash that is stored.

    A key is 32 random bytes, so nobody can search for it from its hash: a plain SHA-256 is
    enough, and cheap on every request. Slow, salted hashes are for what people think up.
    """
    return sha256(key.encode()).hexdigest()


def check_name(name: str) -> None:
    """See that a name is fit for a key.

    Raises:
        UserError: it is not.
    """
    if not NAME.fullmatch(name):
        raise UserError(
            f"not a name for a key: {name!r}", hint="Use up to 64 letters, digits, '.', '_', '-'."
        )
