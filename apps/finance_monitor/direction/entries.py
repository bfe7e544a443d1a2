"""The words that come with the application, and those of a user's own file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

from apps.finance_monitor.direction.lexicon import ROLES, STOPS, Lexicon, Role, key_of, tokens
from common.errors import UserError
from common.files import read_toml
from common.records.text import normalise
from common.rules.places import line_of, near

LANGUAGES = ("en", "zh")
# Nothing is one of the first and one of the second.
CONTRARY: tuple[tuple[frozenset[Role], frozenset[Role]], ...] = (
    (frozenset({"good", "welcome"}), frozenset({"bad", "unwelcome"})),
    (frozenset({"up"}), frozenset({"down"})),
    (frozenset({"starts"}), frozenset({"ends"})),
    (frozenset({"other"}), frozenset(ROLES) - {"other"}),
)
FORM = 'A file holds lists of words by what they are, such as bad = ["churn", "退订率"].'


@cache
def bundled() -> Lexicon:
    """The English and Chinese words that come with the application."""
    entries: dict[Role, list[str]] = {role: [] for role in ROLES}
    for language in LANGUAGES:
        text = files(__package__).joinpath(f"words.{language}.toml").read_text(encoding="utf-8")
        for role, words in tomllib.loads(text).items():
            entries[_role(role)].extend(words)
    return Lexicon(entries)


def read_words(paths: Sequence[Path], known: Lexicon) -> Lexicon:
    """`known`, with the words of these files in place of what they were before.

    Raises:
        UserError: a file is missing or broken, names what words cannot be, says two contrary things
            of one, or an entry is no word.
    """
    for path in paths:
        known = known.corrected(_read(path))
    return known


def _read(path: Path) -> Mapping[Role, Sequence[str]]:
    found = read_toml(path)
    if not any(found.values()):
        raise UserError("no words", where=str(path), hint=FORM)
    for role, words in found.items():
        where = line_of(path, role)
        if role not in ROLES:
            raise UserError(f"words are never {role!r}", where=where, hint=near(role, ROLES))
        if not isinstance(words, list) or not all(isinstance(one, str) for one in words):
            raise UserError(f"{role} is no list of words", where=where, hint=FORM)
        for word in words:
            marks = [token.text for token in tokens(word)]
            if not marks or not STOPS.isdisjoint(marks):
                raise UserError(
                    f"{word!r} is no word or phrase within one clause",
                    where=where,
                    hint="Leave out the marks between clauses: , . ; : ! ?",
                )
    # As the texts are: else no traditional character of an entry would ever be found.
    own = {_role(role): [normalise(word) for word in words] for role, words in found.items()}
    _check_contrary(own, path)
    return own


def _check_contrary(own: Mapping[Role, Sequence[str]], path: Path) -> None:
    roles: dict[tuple[str, ...], list[Role]] = {}
    for role, words in own.items():
        for word in words:
            known = roles.setdefault(key_of(word), [])
            for one in known:
                if any({one, role} & some and {one, role} & others for some, others in CONTRARY):
                    raise UserError(
                        f"{word!r} is among {one} and among {role}",
                        where=line_of(path, role),
                        hint="Leave it in one of them.",
                    )
            known.append(role)


def _role(name: str) -> Role:
    return next(role for role in ROLES if role == name)
