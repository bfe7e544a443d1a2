"""A glossary: terms that mean the same, by which the words of rules are expanded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from common.errors import UserError, reason_of
from common.files import read_toml
from common.rules.conditions import When, Word, spell
from common.rules.places import line_of, near

Condition = TypeVar("Condition", bound=When)


class Term(BaseModel):
    """A term of the glossary.

    Attributes:
        synonyms: what means the same.
        never: phrases that hold the term or a synonym and mean something else.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    synonyms: tuple[Word, ...] = ()
    never: tuple[Word, ...] = ()


@dataclass(frozen=True)
class Glossary:
    """Terms by their names."""

    terms: dict[str, Term]

    def expand(self, when: Condition) -> Condition:
        """The condition with all that means the same as its words."""
        any_of, never = self._same(when.any), [*when.never]
        for words, term in self._groups():
            if {spell(word) for word in when.any} & {spell(word) for word in words}:
                never += term.never
        found = {"any": any_of, "none": self._same(when.none), "never": tuple(dict.fromkeys(never))}
        return when.model_copy(update=found)

    def _same(self, words: Sequence[str]) -> tuple[str, ...]:
        found = list(words)
        for group, _ in self._groups():
            if {spell(word) for word in words} & {spell(word) for word in group}:
                found += group
        return tuple({spell(word): word for word in reversed(found)}.values())[::-1]

    def _groups(self) -> list[tuple[list[str], Term]]:
        return [([name, *term.synonyms], term) for name, term in self.terms.items()]


def read_glossary(path: Path) -> Glossary:
    """A glossary: `term = ["synonym", …]`, or a table with `synonyms` and `never`.

    Raises:
        UserError: no such file, not TOML, or a term that cannot be read or stands in two groups.
    """
    terms = {name: _term(path, name, value) for name, value in read_toml(path).items()}
    seen: dict[str, str] = {}
    for name, term in terms.items():
        for word in (name, *term.synonyms):
            other = seen.setdefault(spell(word), name)
            if other != name:
                raise UserError(
                    f"{word!r} belongs to two terms: {other!r} and {name!r}",
                    where=line_of(path, name),
                    hint="Make them one term, or leave it out of one of them.",
                )
    return Glossary(terms)


def _term(path: Path, name: str, value: Any) -> Term:
    try:
        return Term.model_validate({"synonyms": value} if isinstance(value, list) else value)
    except ValidationError as error:
        first = error.errors()[0]
        key = str(first["loc"][0]) if first["loc"] else name
        is_unknown = first["type"] == "extra_forbidden"
        raise UserError(
            f"term {name!r}: " + (f"there is no {key!r}" if is_unknown else reason_of(first)),
            where=line_of(path, name),
            hint=near(key, Term.model_fields) if is_unknown else 'Write: term = ["synonym", …]',
        ) from None
