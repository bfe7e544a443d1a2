"""Companies by the names a text uses: the user's list, matched longest first."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

from ahocorasick_rs import AhoCorasick, MatchKind
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from apps.finance_monitor.schema import FeedRecord
from apps.finance_monitor.stories.text import prepare
from apps.finance_monitor.targets.pointing import Span, occurrences
from common.errors import UserError
from common.records.fields import Text
from common.records.reader import OnBadRow, read_records
from common.records.text import CHINESE, normalise


def _split(value: object) -> object:
    if isinstance(value, str):
        return [part.strip() for part in value.split("|") if part.strip()]
    return value or []


# What speaks of the company that was named last. A Chinese one that could be part of a longer word,
# as 公司 of 子公司, must begin a clause.
USUAL_REFERENCES = ("the company", "the group", "the firm", "该公司", "该集团", "公司")
BEGINS_CLAUSE = re.compile(r"(?:^|\W|本)$")

Several = Annotated[list[Text], BeforeValidator(_split)]


def _visible(name: str) -> str:
    if not normalise(name):
        raise ValueError("no letter of it is visible")
    return name


def _ticker(value: object) -> object:
    """Without the `$` that posts write before it; an empty one is none."""
    return normalise(value).removeprefix("$") or None if isinstance(value, str) else value


class Entity(BaseModel):
    """One company; several `aliases`, `references`, … in one cell are parted by `|`."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    name: Annotated[Text, AfterValidator(_visible)]
    aliases: Several = []
    ticker: Annotated[str | None, BeforeValidator(_ticker)] = None
    language: Literal["en", "zh"] | None = None
    references: Several = Field(
        [], description="What means it once it was named, like `the lender` or 该行."
    )
    unless: Several = Field(
        [], description="Where its name means something else, like `apple pie` or 平安夜."
    )
    only_with: Several = Field(
        [], description="Words of which a text must have one, for an ambiguous name to mean it."
    )

    @property
    def names(self) -> list[str]:
        """Everything it is called by."""
        return [name for name in (self.name, *self.aliases, self.ticker) if name]

    @property
    def ambiguous(self) -> list[str]:
        """Those that mean it only beside one of `only_with`: its shortest ones.

        A name that holds another of them is plain, and so is the ticker.
        """
        known = [_small(normalise(name)) for name in (self.name, *self.aliases)]
        # Of whole words: Shell does not hold SHEL.
        return [name for name in known if not occurrences(name, {*known} - {name})]


class EntityList:
    """Finds companies in texts (Aho and Corasick 1975; the longest of overlapping names).

    Letters match in any case, but a name all in capitals, such as a ticker, only in capitals. A
    name that several share means the one that the text names otherwise as well, or else the one of
    whose `only_with` it has most; without any of these words, the one that has no `only_with`.

    Raises:
        UserError: two companies share a ticker; or a name, and nothing says which of them is meant.
    """

    def __init__(self, entities: Sequence[Entity]) -> None:
        self.names = [entity.name for entity in entities]
        self._entities = {entity.name: _spelled(entity) for entity in entities}
        self.tickers: dict[str, str] = {}
        for one in entities:
            if one.ticker:
                self._require_own(one.ticker.upper(), one.name)
        self._owners: dict[str, list[str]] = {}
        self._exact: set[str] = set()
        for entity in entities:
            # A cell that looks empty may hold what is invisible.
            for name in filter(None, dict.fromkeys(map(normalise, entity.names))):
                owners = self._owners.setdefault(_small(name), [])
                if entity.name not in owners:
                    owners.append(entity.name)
                    self._require_parted(name, owners)
                if name.isascii() and name.isupper():
                    self._exact.add(name)
        self._gated = {
            entity.name: {name for name in entity.ambiguous if entity.only_with}
            for entity in entities
        }
        self._patterns = list(self._owners)
        self._automaton = AhoCorasick(self._patterns, matchkind=MatchKind.LeftmostLongest)

    def _require_own(self, ticker: str, company: str) -> None:
        owner = self.tickers.setdefault(ticker, company)
        if owner != company:
            raise UserError(
                f"{ticker!r} is the ticker of both {owner} and {company}",
                hint="Words in only_with part names, not tickers: leave it out at one of them.",
            )

    def _require_parted(self, name: str, owners: Sequence[str]) -> None:
        usual = [owner for owner in owners if not self._entities[owner].only_with]
        if len(usual) > 1:
            raise UserError(
                f"{name!r} names both {usual[0]} and {usual[1]}",
                hint="Leave it out where it is ambiguous, or part them by words in only_with.",
            )

    def named(self, name: str) -> str | None:
        """The company that goes by this name, in any case; None where there is none, or several."""
        called = self._called(name)
        return called[0] if len(called) == 1 else None

    def one_named(self, name: str, where: str) -> str | None:
        """The same, of a name that stands in a file.

        Raises:
            UserError: several go by it.
        """
        called = self._called(name)
        if len(called) > 1:
            raise UserError(
                f"several companies go by {name!r}: {', '.join(called)}",
                where=where,
                hint="Write the full name of the one that is meant.",
            )
        return called[0] if called else None

    def _called(self, name: str) -> list[str]:
        key = _small(normalise(name))
        owners = self._owners.get(key, [])
        return [owner for owner in owners if _small(normalise(owner)) == key] or owners

    def find(self, text: str) -> list[str]:
        """Names of the companies in a normalised text, in the order of their first mention."""
        return list(self.mentions(text))

    def mentions(self, text: str) -> dict[str, list[Span]]:
        """Where a normalised text speaks of each company, by name or, later, by a reference."""
        lowered = _small(text)
        found: dict[str, list[Span]] = {}
        named: list[tuple[Span, str]] = []
        seen = [*self._named_in(text, lowered)]
        plain = {
            owner
            for key, span in seen
            for owner in self._owners[key]
            if self._is_plain(key, owner) and not self._is_something_else(owner, text, span)
        }
        for key, span in seen:
            for name in self._meant(key, text, plain):
                if not self._is_something_else(name, text, span):
                    found.setdefault(name, []).append(span)
                    named.append((span, name))
        for name, span in self._referred_to(text, named):
            found[name].append(span)
        return found

    def _named_in(self, text: str, lowered: str) -> Iterator[tuple[str, Span]]:
        """The names in a text, whoever is meant."""
        for number, start, end in self._automaton.find_matches_as_indexes(lowered):
            in_capitals = self._patterns[number].upper() in self._exact
            if _stands_alone(lowered, start, end) and not (
                in_capitals and not text[start:end].isupper()
            ):
                yield self._patterns[number], (start, end)

    def _is_plain(self, key: str, owner: str) -> bool:
        return len(self._owners[key]) == 1 and key not in self._gated[owner]

    def _is_something_else(self, owner: str, text: str, span: Span) -> bool:
        return _overlaps(span, occurrences(text, self._entities[owner].unless))

    def _meant(self, key: str, text: str, plain: Collection[str]) -> list[str]:
        """Whom a name means in a text that names `plain` beyond doubt."""
        owners = self._owners[key]
        if known := [owner for owner in owners if owner in plain]:
            return known
        needed = {owner: self._entities[owner].only_with for owner in owners}
        words = {one: sum(bool(occurrences(text, [w])) for w in needed[one]) for one in owners}
        most = max(words.values())
        if most:
            return [owner for owner in owners if words[owner] == most]
        return [owner for owner in owners if not needed[owner]]

    def _referred_to(
        self, text: str, named: Sequence[tuple[Span, str]]
    ) -> Iterator[tuple[str, Span]]:
        """References, each to the last company before it that goes by it."""
        own = {name: {*map(_small, self._entities[name].references)} for _, name in named}
        asked = {*USUAL_REFERENCES, *(reference for some in own.values() for reference in some)}
        taken = [span for span, _ in named]
        for start, end in occurrences(text, asked):
            said = _small(text[start:end])
            if _overlaps((start, end), taken) or not _is_reference(text, start, said):
                continue
            goes_by = [n for (_, stop), n in named if stop <= start and said in own[n]]
            usual = [n for (_, stop), n in named if stop <= start and said in USUAL_REFERENCES]
            if last := (goes_by or usual)[-1:]:
                yield last[0], (start, end)


def companies_in(record: FeedRecord, listed: EntityList | None) -> dict[str, list[Span]]:
    """The companies that a record came with or that its text names, and where it names them."""
    return mentions_in(record.content, record.entities, listed)


def mentions_in(
    content: str, given: Sequence[str], listed: EntityList | None
) -> dict[str, list[Span]]:
    """The same of a text, with the names that it was given; places are of the prepared text."""
    text = prepare(content)
    found = {} if listed is None else listed.mentions(text)
    named = {name: found.get(name) or occurrences(text, [normalise(name)]) for name in given}
    return named | found


def _overlaps(span: Span, others: Sequence[Span]) -> bool:
    return any(start < span[1] and span[0] < stop for start, stop in others)


def _is_reference(text: str, start: int, said: str) -> bool:
    """Whether 公司 and its kind are no part of a longer word."""
    if not CHINESE.match(said) or said.startswith("该"):
        return True
    return bool(BEGINS_CLAUSE.search(text[:start]))


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Whether no word goes on before or after; Chinese is written without spaces."""
    before, after = text[start - 1 : start], text[end : end + 1]
    return not (_joins(before, text[start]) or _joins(after, text[end - 1]))


def _joins(outside: str, inside: str) -> bool:
    return outside.isalnum() and not (CHINESE.match(outside) or CHINESE.match(inside))


def read_entities(path: Path, on_bad_row: OnBadRow = "fail") -> EntityList:
    """Read a list of companies.

    Raises:
        UserError: a bad row, a company in two rows, or two companies that share a name.
    """
    records = read_records(path, Entity, on_bad_row=on_bad_row)
    places: dict[str, str] = {}
    for entity, place in zip(records.items, records.places, strict=True):
        if places.setdefault(entity.name, place) != place:
            raise UserError(
                f"company {entity.name!r} stands here and at {places[entity.name]}",
                where=place,
                hint="Write all of it in one row, several in one cell separated by |.",
            )
    try:
        return EntityList(records.items)
    except UserError as error:
        raise UserError(error.what, where=str(path), hint=error.hint) from None


def _small(text: str) -> str:
    """In small letters, each where it was: of all letters, İ alone becomes two."""
    return text.replace("İ", "i").lower()


def _spelled(entity: Entity) -> Entity:
    """What is looked for beside the names, spelled as texts are."""
    spelled = {
        field: [one for one in map(normalise, getattr(entity, field)) if one]
        for field in ("references", "unless", "only_with")
    }
    return entity.model_copy(update=spelled)
