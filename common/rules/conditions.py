"""When a rule applies to a text: by its words, by a pattern, by what is known of it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from common.records.fields import Text
from common.records.text import normalise

# Of a pattern: a class, an escape, and what is no ASCII, apart where it is repeated.
_OTHER = r"\\?[^\x00-\x7f]"
_PARTS = re.compile(
    r"(?P<opens>\[\^?)(?P<members>\]?(?:\\.|[^\]\\])*)\]|\\[\x00-\x7f]"
    rf"|(?P<one>{_OTHER})(?=[*+?{{])|(?P<run>(?:{_OTHER})+)(?![*+?{{])",
    re.DOTALL,
)
_MEMBERS = re.compile(
    rf"\\[\x00-\x7f]|(?P<low>[^\\])-(?P<high>[^\x00-\x7f])|(?P<one>{_OTHER})", re.DOTALL
)

# What is known of a text beside its words, by name: its language, its intent, …
Facts = Mapping[str, str | None]

CJK = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
# A letter or a digit of a script that puts spaces between words.
SPACED = rf"[^\W{CJK}]"
WORDS = frozenset({"any", "none", "never", "regex"})
PATTERNS_KEPT = 4096


def spell(text: str) -> str:
    """The spelling in which words are compared: normalised, without case."""
    return spell_normalised(normalise(text))


def spell_normalised(text: str) -> str:
    """The same of a text that is normalised."""
    return text.casefold().replace("’", "'")


def _compiles(pattern: str) -> str:
    try:
        _regex(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        # The latter two: a repetition or a depth beyond what can be counted.
        raise ValueError(f"not a regular expression: {error}") from None
    return pattern


def _is_left(word: str) -> str:
    if not spell(word):
        raise ValueError("a word of nothing but characters that are not seen")
    return word


# What nothing is left of would stand in every text.
Word = Annotated[Text, AfterValidator(_is_left)]


class When(BaseModel):
    """A condition; all that is given must hold.

    Words in Latin letters are whole words, Chinese ones stand anywhere; case does not count. An
    application adds what else it knows of a text as further fields.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    any: tuple[Word, ...] = Field((), description="At least one of these words.")
    none: tuple[Word, ...] = Field((), description="None of these words.")
    never: tuple[Word, ...] = Field((), description="Phrases in which a word of `any` is not one.")
    regex: Annotated[str, AfterValidator(_compiles)] | None = None
    language: Literal["en", "zh"] | None = None

    @model_validator(mode="after")
    def _requires_something(self) -> Self:
        if not (self.any or self.regex or self.facts):
            raise ValueError("every text would meet this condition: give it `any` or `regex`")
        return self

    @property
    def facts(self) -> dict[str, str]:
        """What must be known of the text, by name."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: value for name, value in values.items() if value and name not in WORDS}

    def holds(self, spelled: str, facts: Facts) -> bool:
        """Whether it holds for a text that `spell` gave, of which `facts` are known."""
        if not self.holds_of(facts):
            return False
        counted = _pattern(self.never).sub(" ", spelled) if self.never else spelled
        if self.any and not _pattern(self.any).search(counted):
            return False
        if self.none and _pattern(self.none).search(spelled):
            return False
        return self.regex is None or _regex(self.regex).search(spelled) is not None

    def holds_of(self, facts: Facts) -> bool:
        """Whether what must be known of the text is so; what is not in `facts` may be."""
        return all(
            spell(facts[name] or "") == spell(wanted)
            for name, wanted in self.facts.items()
            if name in facts
        )

    def meets(self, other: When) -> bool:
        """Whether wherever the other holds by a word that both have, this one does, too."""
        if self == other:
            return True
        if not {spell(word) for word in self.any} & {spell(word) for word in other.any}:
            return False
        is_wide = {*self.none} <= {*other.none} and {*self.never} <= {*other.never}
        is_wide = is_wide and self.regex in {None, other.regex}
        return is_wide and {*self.facts} <= {*other.facts} and self.holds_of(other.facts)


@lru_cache(PATTERNS_KEPT)
def _pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    """What finds any of `words` in a spelled text."""
    return re.compile("|".join(_word(spell(word)) for word in words))


def _word(word: str) -> str:
    begins = rf"(?<!{SPACED})" if re.match(SPACED, word) else ""
    ends = rf"(?!{SPACED})" if re.search(rf"{SPACED}$", word) else ""
    return f"{begins}{re.escape(word)}{ends}"


@lru_cache(PATTERNS_KEPT)
def _regex(pattern: str) -> re.Pattern[str]:
    """The pattern, for spelled texts: what in it is no ASCII stands for its own spelling."""
    composed = unicodedata.normalize("NFC", pattern)
    return re.compile(_PARTS.sub(_spelled_part, composed), re.IGNORECASE)


def _spelled_part(part: re.Match[str]) -> str:
    if (members := part["members"]) is not None:
        return f"{part['opens']}{_MEMBERS.sub(_spelled_member, members)}]"
    if part["one"]:
        # What repeats a character repeats all that it is spelled with.
        return f"(?:{_literal(part['one'])})"
    return _literal(part["run"]) if part["run"] else part[0]


def _spelled_member(member: re.Match[str]) -> str:
    if member["low"]:
        return f"{_end(member['low'])}-{_end(member['high'])}"
    return _literal(member["one"]) if member["one"] else member[0]


def _end(character: str) -> str:
    """An end of a range: full-width letters and digits have their order, other spellings none."""
    plain = unicodedata.normalize("NFKC", character)
    return re.escape(plain) if plain.isascii() else character


def _literal(text: str) -> str:
    """What matches the spelling of a literal text; a full-width ？ repeats nothing."""
    return " ".join(re.escape(spell(word)) for word in re.split(r"\s+", text.replace("\\", "")))
