"""The keys of a file, read again whenever it changes."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from time import monotonic

from common.errors import UserError
from common.serving.keys.key import ApiKey, digest_of
from common.serving.keys.reading import read_keys

logger = logging.getLogger(__name__)

# How long a change of the file may go unseen: on a disk that hangs, every look may.
LOOK_SECONDS = 1.0
Version = tuple[int, int, int]
# Hears the keys before a change, and after it, and what tells this state of the file from others.
Listener = Callable[[Sequence[ApiKey], Sequence[ApiKey], str], None]


class ApiKeys:
    """Knows who a key belongs to.

    A file that is broken or gone leaves the keys as they were when it was last whole.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: Version | None = None
        self._keys: list[ApiKey] = []
        self._trouble: str | None = None
        self._lock = Lock()
        self._looked_at = float("-inf")
        self._listeners: list[Listener] = []

    @classmethod
    def load(cls, path: Path) -> ApiKeys:
        """The keys in `path`.

        Raises:
            UserError: the file is missing, malformed (with its place) or has no key.
        """
        keys = cls(path)
        keys._seen = _version(path)
        keys._keys = _read(path)
        if not keys._keys[0].is_scoped:
            logger.warning(
                "%s: its keys have no scopes and may do all; the verb `keys` makes others", path
            )
        return keys

    @property
    def trouble(self) -> str | None:
        """What is wrong with the file, while older keys hold in its place."""
        return self._trouble

    def on_change(self, listener: Listener) -> None:
        """Call `listener` whenever the file holds other keys."""
        self._listeners.append(listener)

    def check(self, key: str) -> ApiKey | None:
        """Whose key this is, or None; by the file as it was when it was last refreshed."""
        found = None
        digest = digest_of(key)
        for known in self._keys:
            if hmac.compare_digest(known.digest, digest):
                found = known
        return found if found and found.is_valid_at(datetime.now(UTC)) else None

    @property
    def is_due(self) -> bool:
        """Whether it is time to look at the file, and nobody does: the disk is not asked for it."""
        return monotonic() - self._looked_at >= LOOK_SECONDS and not self._lock.locked()

    def refresh(self) -> None:
        """Read the file again if it has changed."""
        with self._lock:
            version = _version(self._path)
            try:
                if version != self._seen:
                    self._read_again("-".join(map(str, version)))
            finally:
                # As it was before: what was written meanwhile is read next time.
                self._seen = version
                self._looked_at = monotonic()

    def _read_again(self, state: str) -> None:
        try:
            found = _read(self._path)
        except UserError as error:
            self._trouble = error.what
            logger.error("the API keys stay as they were until this is fixed: %s", error)
            return
        before, self._keys, self._trouble = self._keys, found, None
        if set(before) != set(found):
            for listener in self._listeners:
                listener(before, found, state)


def _read(path: Path) -> list[ApiKey]:
    keys = read_keys(path)
    if not keys:
        raise UserError("no API key in this file", where=str(path), hint="Add a key.")
    return keys


def _version(path: Path) -> Version:
    try:
        status = path.stat()
    except OSError:
        return (0, 0, 0)
    return (status.st_ino, status.st_mtime_ns, status.st_size)
