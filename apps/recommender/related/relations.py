"""Relations between items that a shop names itself: `relations.csv`."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, Self, get_args

from pydantic import BeforeValidator, model_validator

from apps.recommender.catalogue.items import Catalogue
from apps.recommender.schema import Record
from common.errors import UserError
from common.records.fields import Text
from common.records.reader import read_records

Kind = Literal["similar", "together"]
RelationName = Literal["accessory", "successor", "substitute"]
RELATIONS: tuple[RelationName, ...] = get_args(RelationName)
# In which list each stands first.
KIND_OF: dict[RelationName, Kind] = {
    "accessory": "together",
    "successor": "similar",
    "substitute": "similar",
}
CHINESE = {"配件": "accessory", "后继": "successor", "新款": "successor", "替代": "substitute"}


def _named(value: object) -> object:
    if not isinstance(value, str):
        return value
    name = value.strip().lower()
    return CHINESE.get(name, name)


class Relation(Record):
    """`other_id` is an accessory, the successor or a substitute of `item_id`."""

    item_id: Text
    other_id: Text
    relation: Annotated[RelationName, BeforeValidator(_named)]

    @model_validator(mode="after")
    def _is_of_two(self) -> Self:
        if self.item_id == self.other_id:
            raise ValueError("an item is related to itself")
        return self


class Relations:
    """Relations by item number and kind of list, in the order of their file."""

    def __init__(self) -> None:
        self._of: dict[tuple[int, Kind], dict[int, RelationName]] = {}

    def add(self, item: int, other: int, name: RelationName) -> None:
        """Take one; a substitute is one both ways, and the first name of a pair stays."""
        self._of.setdefault((item, KIND_OF[name]), {}).setdefault(other, name)
        if name == "substitute":
            self._of.setdefault((other, KIND_OF[name]), {}).setdefault(item, name)

    def of(self, item: int, kind: Kind) -> dict[int, RelationName]:
        """Item number → the relation."""
        return self._of.get((item, kind), {})


def read_relations(path: Path | None, catalogue: Catalogue) -> Relations:
    """The relations of a file; none where there is no file.

    Raises:
        UserError: bad rows, or an item that is not in the catalogue, by line.
    """
    found = Relations()
    if path is None:
        return found
    records = read_records(path, Relation)
    for one, place in zip(records.items, records.places, strict=True):
        numbers = [_number(item_id, catalogue, place) for item_id in (one.item_id, one.other_id)]
        found.add(numbers[0], numbers[1], one.relation)
    return found


def _number(item_id: str, catalogue: Catalogue, place: str) -> int:
    number = catalogue.number.get(item_id)
    if number is None:
        near: Sequence[str] = difflib.get_close_matches(item_id, catalogue.ids, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else "Take it out, or add it to --items."
        raise UserError(f"there is no item {item_id!r}", where=place, hint=hint)
    return number
