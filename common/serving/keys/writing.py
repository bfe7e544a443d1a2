"""Keys added to a file and taken out of it; what else stands there is kept."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Collection
from datetime import date
from pathlib import Path

from common.errors import UserError
from common.files import exclusive_lock
from common.serving.keys.key import check_name, digest_of
from common.serving.keys.reading import is_older, keys_in, read_keys, read_text
from common.serving.keys.scopes import SCOPES, Scope

PREFIX = "bizlm_"
FEWEST: tuple[Scope, ...] = ("ask",)


def add_key(
    path: Path,
    name: str,
    scopes: Collection[Scope] | None = None,
    *,
    until: date | None = None,
) -> str:
    """Make a key, add its hash to `path` under `name`, and return it: it is stored nowhere.

    Args:
        scopes: what it may do; None: only ask. In an older file a key may do all.
        until: the last day on which it holds.

    Raises:
        UserError: the name is taken or unfit, or the file is malformed, or its keys have no scopes.
    """
    check_name(name)
    with exclusive_lock(_lock_of(path)):
        text = read_text(path) if path.exists() else ""
        if path.exists() and name in {key.name for key in read_keys(path)}:
            raise UserError(f"there is a key named {name!r} already", where=str(path))
        key = PREFIX + secrets.token_urlsafe(32)
        if is_older(text):
            if scopes or until:
                raise UserError(
                    "the keys in this file have no scopes",
                    where=str(path),
                    hint="Add keys to a new file, hand them out, and serve with that one.",
                )
            entry = f"{name} {digest_of(key)}\n"
        else:
            entry = _table(name, digest_of(key), scopes or FEWEST, until)
        _write_private(path, _ended(text) + entry)
    return key


def remove_key(path: Path, name: str) -> None:
    """Take a key out of a file: the servers that read it let it in no more.

    Raises:
        UserError: there is none of this name, it is the last, or the file must be edited by hand.
    """
    with exclusive_lock(_lock_of(path)):
        before = [key.name for key in read_keys(path)]
        if name not in before:
            known = ", ".join(before)
            raise UserError(f"there is no key named {name!r}", where=str(path), hint=known)
        if len(before) == 1:
            raise UserError(
                "it is the last key of this file, and a server needs one",
                where=str(path),
                hint="Add another first.",
            )
        left = _without(read_text(path), name)
        if _names_in(left, path) != [one for one in before if one != name]:
            raise UserError(
                f"the key {name!r} is not written as `keys add` writes one",
                where=str(path),
                hint="Take it out by hand.",
            )
        _write_private(path, left)


def _names_in(text: str, path: Path) -> list[str]:
    """Nothing where it is no file of keys any more."""
    try:
        return [key.name for key in keys_in(text, path)]
    except UserError:
        return []


def _lock_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.lock")


def _ended(text: str) -> str:
    return f"{text}\n" if text and not text.endswith("\n") else text


def _headers(name: str) -> set[str]:
    return {f"[{name}]", f'["{name}"]', f"['{name}']"}


def _table(name: str, digest: str, scopes: Collection[Scope], until: date | None) -> str:
    header = f'["{name}"]' if "." in name else f"[{name}]"
    listed = ", ".join(f'"{scope}"' for scope in SCOPES if scope in scopes)
    lines = [header, f'hash = "{digest}"', f"scopes = [{listed}]"]
    lines += [f"valid_until = {until.isoformat()}"] if until else []
    return "\n".join(lines) + "\n"


def _without(text: str, name: str) -> str:
    lines = text.splitlines(keepends=True)
    if is_older(text):
        return "".join(line for line in lines if line.split()[:1] != [name])
    kept, is_gone = [], False
    for line in lines:
        if line.lstrip().startswith("["):
            is_gone = line.partition("#")[0].strip() in _headers(name)
        if not is_gone:
            kept.append(line)
    return "".join(kept)


def _write_private(path: Path, text: str) -> None:
    # mkstemp: readable by the owner alone from its first byte on.
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    Path(temporary).replace(path)
