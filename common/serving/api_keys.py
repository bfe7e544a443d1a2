"""API keys: a file of names and hashes."""

from __future__ import annotations

import hmac
import logging
import os
import re
import secrets
import tempfile
from hashlib import sha256
from pathlib import Path

from common.errors import UserError
from common.files import exclusive_lock

PREFIX = "bizlm_"

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_HASH = re.compile(r"[0-9a-f]{64}")

logger = logging.getLogger(__name__)


class ApiKeys:
    """The keys in a file, one `name sha256hex` a line, read again whenever it changes.

    A key is 32 random bytes, so nobody can search for it from its hash: a plain SHA-256 is
    enough, and cheap on every request. Slow, salted hashes are for what people think up.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._version: tuple[int, int, int] | None = None
        self._names: dict[str, str] = {}

    @classmethod
    def load(cls, path: Path) -> ApiKeys:
        """The keys in `path`.

        Raises:
            UserError: the file is missing, malformed (with its line) or has no key.
        """
        keys = cls(path)
        keys._read_if_changed()
        return keys

    def check(self, key: str) -> str | None:
        """The name of this key, or None. A file that became unreadable lets nobody in."""
        try:
            self._read_if_changed()
        except UserError as error:
            logger.error("no API key is valid until this is fixed: %s", error)
            return None
        found = None
        digest = _digest(key)
        for known, name in self._names.items():
            if hmac.compare_digest(known, digest):
                found = name
        return found

    def _read_if_changed(self) -> None:
        try:
            status = self._path.stat()
        except OSError as error:
            raise UserError(_reason(error), where=str(self._path)) from None
        version = (status.st_ino, status.st_mtime_ns, status.st_size)
        if version == self._version:
            return
        names = _read(self._path)
        if not names:
            raise UserError("no API key in this file", where=str(self._path), hint="Add a key.")
        self._names, self._version = names, version


def add_key(path: Path, name: str) -> str:
    """Make a key, add its hash to `path` under `name`, and return it: it is stored nowhere.

    Raises:
        UserError: the name is taken or unfit, or the file is malformed.
    """
    if not _NAME.fullmatch(name):
        raise UserError(
            f"not a name for a key: {name!r}", hint="Use up to 64 letters, digits, '.', '_', '-'."
        )
    with exclusive_lock(path.with_name(f".{path.name}.lock")):
        if path.exists() and name in _read(path).values():
            raise UserError(f"there is a key named {name!r} already", where=str(path))
        key = PREFIX + secrets.token_urlsafe(32)
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        if before and not before.endswith("\n"):
            before += "\n"
        _write_private(path, f"{before}{name} {_digest(key)}\n")
    return key


def _digest(key: str) -> str:
    return sha256(key.encode()).hexdigest()


def _reason(error: OSError) -> str:
    return "no such file" if isinstance(error, FileNotFoundError) else str(error.strerror)


def _read(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UserError(_reason(error), where=str(path)) from None
    except UnicodeDecodeError:
        raise UserError("not a text file", where=str(path)) from None
    names: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        where = f"{path}:{number}"
        match line.split():
            case [name, digest] if _NAME.fullmatch(name) and _HASH.fullmatch(digest):
                if name in names.values():
                    raise UserError(f"the name {name!r} appears twice", where=where)
                names[digest] = name
            case _:
                # The line itself is not shown: it may be a key put here by mistake.
                raise UserError("not 'name sha256hex'", where=where)
    return names


def _write_private(path: Path, text: str) -> None:
    # mkstemp: readable by the owner alone from its first byte on.
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    Path(temporary).replace(path)
