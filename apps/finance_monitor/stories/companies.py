"""Companies by the names a text uses: the user's list, matched longest first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from ahocorasick_rs import AhoCorasick, MatchKind
from pydantic import BaseModel, BeforeValidator, ConfigDict

from apps.finance_monitor.schema import FeedRecord
from apps.finance_monitor.stories.text import prepare
from common.errors import UserError
from common.records.fields import Text
from common.records.reader import OnBadRow, read_records
from common.records.text import CHINESE, normalise


def _split(value: object) -> object:
    if isinstance(value, str):
        return [part.strip() for part in value.split("|") if part.strip()]
    return value or []


class Entity(BaseModel):
    """One company; `aliases` in one cell are parted by `|`."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    name: Text
    aliases: Annotated[list[Text], BeforeValidator(_split)] = []
    ticker: str | None = None
    language: Literal["en", "zh"] | None = None

    @property
    def names(self) -> list[str]:
        """Everything it is called by."""
        return [name for name in (self.name, *self.aliases, self.ticker) if name]


class EntityList:
    """Finds companies in texts (Aho and Corasick 1975; the longest of overlapping names).

    Letters match in any case, but a name all in capitals, such as a ticker, only in capitals.

    Raises:
        UserError: two companies share a name.
    """

    def __init__(self, entities: Sequence[Entity]) -> None:
        self.names = [entity.name for entity in entities]
        self.tickers = {one.ticker.upper(): one.name for one in entities if one.ticker}
        owners: dict[str, str] = {}
        self._exact: set[str] = set()
        for entity in entities:
            for name in map(normalise, entity.names):
                key = name.lower()
                if owners.setdefault(key, entity.name) != entity.name:
                    raise UserError(
                        f"{name!r} names both {owners[key]} and {entity.name}",
                        hint="Leave it out where it is ambiguous.",
                    )
                if name.isascii() and name.isupper():
                    self._exact.add(name)
        self._owners = list(owners.values())
        self._patterns = list(owners)
        self._automaton = AhoCorasick(self._patterns, matchkind=MatchKind.LeftmostLongest)

    def find(self, text: str) -> list[str]:
        """Names of the companies in a normalised text, in the order of their first mention."""
        lowered = text.lower()
        if len(lowered) != len(text):
            # A few letters change their length with their case.
            text = lowered
        found: dict[str, None] = {}
        for number, start, end in self._automaton.find_matches_as_indexes(lowered):
            in_capitals = self._patterns[number].upper() in self._exact
            if _stands_alone(lowered, start, end) and not (
                in_capitals and not text[start:end].isupper()
            ):
                found[self._owners[number]] = None
        return list(found)


def companies_in(record: FeedRecord, listed: EntityList | None) -> list[str]:
    """The companies that a record came with, and those of the list that its text names."""
    if listed is None:
        return list(record.entities)
    return list(dict.fromkeys([*record.entities, *listed.find(prepare(record.content))]))


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Whether no word goes on before or after; Chinese is written without spaces."""
    before, after = text[start - 1 : start], text[end : end + 1]
    return not (_joins(before, text[start]) or _joins(after, text[end - 1]))


def _joins(outside: str, inside: str) -> bool:
    return outside.isalnum() and not (CHINESE.match(outside) or CHINESE.match(inside))


def read_entities(path: Path, on_bad_row: OnBadRow = "fail") -> EntityList:
    """Read a list of companies.

    Raises:
        UserError: a bad row, or two companies that share a name.
    """
    records = read_records(path, Entity, on_bad_row=on_bad_row)
    return EntityList(records.items)
