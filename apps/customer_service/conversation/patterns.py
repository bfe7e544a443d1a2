"""What is unmistakable in a message: the patterns of `messages.toml`, ready to be applied."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import cast

from apps.customer_service.schema import Kind, Mood
from common.errors import UserError
from common.files import read_toml

MESSAGES = Path(__file__).with_name("messages.toml")
AROUND = " \t,.!?;:~。、…-–—'\"“”‘’()"
# Whoever writes more than that at once says something.
LONGEST_CHAT = 80
# So much of a message is looked at for a mood.
LONGEST_READ = 500
# Of punctuation and pictures around it, nothing is said.
EDGES = re.compile(r"^[\W_]+|(?<![\W_])[\W_]+$")
CLAUSE = re.compile(r"[,、;]")
LATIN = re.compile(r"[A-Za-z]+(?:['’][A-Za-z]+)*|\d+")


@dataclass(frozen=True)
class Patterns:
    """The rules of one file. `urgent` is by what is serious, `places` by the place in a list."""

    whole: Mapping[str, re.Pattern[str]]
    filler: re.Pattern[str]
    wants_person: re.Pattern[str]
    urgent: Mapping[str, re.Pattern[str]]
    mood: Mapping[str, re.Pattern[str]]
    before: re.Pattern[str]
    after: re.Pattern[str]
    follow_up: Mapping[str, re.Pattern[str]]
    most_words: int
    most_characters: int
    brief_words: int
    brief_characters: int
    correction: re.Pattern[str]
    wrong: re.Pattern[str]
    instead_of: re.Pattern[str]
    places: Mapping[int, re.Pattern[str]]
    named: re.Pattern[str]
    joins: re.Pattern[str]
    may_join: re.Pattern[str]
    both: re.Pattern[str]
    adds: re.Pattern[str]
    asks: re.Pattern[str]

    def kind_of(self, sentence: str) -> Kind | None:
        """What a whole sentence says beyond doubt, if it asks nothing.

        Clause by clause: each must be small talk, or said beside it.
        """
        bare = EDGES.sub("", sentence)
        if not 0 < len(bare) <= LONGEST_CHAT:
            return None
        if whole := self._said(bare):
            return whole
        clauses = [EDGES.sub("", clause) for clause in CLAUSE.split(bare)]
        found = [self._said(clause) for clause in clauses]
        kinds = [kind for kind in found if kind is not None]
        if all(kind or self._fills(clause) for kind, clause in zip(found, clauses, strict=True)):
            return kinds[-1] if kinds else None
        return None

    def says_nothing(self, sentence: str) -> bool:
        """Whether it is only what is said beside something else."""
        bare = EDGES.sub("", sentence)
        return len(bare) <= LONGEST_CHAT and all(map(self._fills, CLAUSE.split(bare)))

    def _fills(self, clause: str) -> bool:
        return self.filler.fullmatch(EDGES.sub("", clause)) is not None

    def _said(self, clause: str) -> Kind | None:
        kinds = (kind for kind, pattern in self.whole.items() if pattern.fullmatch(clause))
        return cast("Kind | None", next(kinds, None))

    def urgency(self, message: str) -> Mood | None:
        """The mood of a message that a person must see at once."""
        for cause, pattern in self.urgent.items():
            if pattern.search(message):
                return "angry" if cause == "threat" else "distress"
        return None

    def mood_of(self, message: str) -> Mood | None:
        """What words or shouting say of how somebody feels."""
        found = (
            mood for mood, pattern in self.mood.items() if pattern.search(message[:LONGEST_READ])
        )
        return cast("Mood | None", next(found, None))

    def without_courtesy(self, message: str) -> str:
        """What is left of a message without its greeting and thanks; all where that is nothing."""
        bare = self.after.sub("", self.before.sub("", message, count=1), count=1)
        return message if self.says_nothing(bare) else bare

    def is_short(self, message: str) -> bool:
        """Whether it is short enough to be a part of what was said before."""
        return _fits(message, self.most_words, self.most_characters)

    def is_brief(self, message: str) -> bool:
        """Whether it is so short that it hardly says anything by itself."""
        return _fits(message, self.brief_words, self.brief_characters)

    def goes_on(self, message: str) -> bool:
        """Whether its words say that it goes on from what was said before."""
        return self.is_short(message) and any(
            pattern.search(message) for pattern in self.follow_up.values()
        )

    def turns_aside(self, message: str) -> bool:
        """Whether it turns from what was said to something beside it: "and abroad?".

        "So where is it" names nothing that it could turn to.
        """
        named = (self.follow_up["begins"], self.follow_up["ends"])
        turns = self.is_short(message) and any(pattern.search(message) for pattern in named)
        return turns and not self.follow_up["refers"].search(message)

    def meant(self, message: str) -> str | None:
        """What a correction says was meant, empty where it does not say; None: it is none."""
        match = self.correction.search(message)
        if match is None:
            return "" if self.wrong.search(message) else None
        meant = next((group for group in match.groups() if group is not None), "")
        return self.instead_of.sub("", meant).strip(AROUND)


@cache
def load_patterns(path: Path = MESSAGES) -> Patterns:
    """Read rules of the form of `messages.toml`.

    Raises:
        UserError: not TOML, or a rule that cannot be read.
    """
    rules = read_toml(path)
    try:
        choice = rules["choice"]
        follow_up = rules["follow_up"]
        bounds = ("most_words", "most_characters", "brief_words", "brief_characters")
        return Patterns(
            whole=_compiled({k: rule for k, rule in rules["whole"].items() if k != "filler"}),
            filler=_compile(rules["whole"]["filler"]),
            wants_person=_compile(rules["anywhere"]["wants_person"]),
            urgent=_compiled(rules["urgent"]),
            mood=_compiled(rules["mood"]),
            before=_compile(rules["courtesy"]["before"]),
            after=_compile(rules["courtesy"]["after"]),
            follow_up=_compiled(
                {name: follow_up[name] for name in ("begins", "ends", "refers", "elliptic")}
            ),
            **{bound: follow_up[bound] for bound in bounds},
            correction=_compile(rules["correction"]["says"]),
            wrong=_compile(rules["correction"]["wrong"]),
            instead_of=_compile(rules["correction"]["instead_of"]),
            places=_places(choice),
            named=_compile(choice["named"]),
            joins=_compile(rules["two_in_one"]["joins"]),
            may_join=_compile(rules["two_in_one"]["may_join"]),
            both=_compile(rules["two_in_one"]["both"]),
            adds=_compile(rules["two_in_one"]["adds"]),
            asks=_compile(rules["two_in_one"]["asks"]),
        )
    except KeyError as error:
        raise UserError(f"a rule is missing: {error}", where=str(path)) from None
    except re.error as error:
        raise UserError(f"not a regular expression: {error}", where=str(path)) from None


def _places(choice: Mapping[str, str]) -> dict[int, re.Pattern[str]]:
    """Place → a whole message that names it; each by `beside`, which says nothing."""
    beside = f"(?: {choice['beside']} )*"
    return {
        int(name): re.compile(f"{beside} (?: {place} ) {beside}", re.VERBOSE | re.IGNORECASE)
        for name, place in choice.items()
        if name not in {"beside", "named"}
    }


def _fits(message: str, words: int, characters: int) -> bool:
    """Whether it has at most so many words, or characters where no spaces part them."""
    latin = len(LATIN.findall(message))
    others = sum(character.isalnum() and not character.isascii() for character in message)
    return latin / words + others / characters <= 1


def _compiled(rules: Mapping[str, str]) -> dict[str, re.Pattern[str]]:
    return {name: _compile(pattern) for name, pattern in rules.items()}


def _compile(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.VERBOSE | re.IGNORECASE)
