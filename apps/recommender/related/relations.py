"""Relations between items that a shop names itself: `relations.csv`, or a knowledge file."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, model_validator

from apps.recommender.catalogue.items import Catalogue
from apps.recommender.schema import Record, RelationName
from common.console import say
from common.errors import UserError
from common.records.fields import Text
from common.records.graph.contradictions import read_agreeing_graph
from common.records.graph.knowledge_graph import Names, key
from common.records.graph.reading import is_knowledge
from common.records.reader import read_records

Kind = Literal["similar", "together"]
# In which list each stands first.
KIND_OF: dict[RelationName, Kind] = {
    "requires": "together",
    "accessory": "together",
    "successor": "similar",
    "substitute": "similar",
}
CHINESE = {
    "配件": "accessory",
    "后继": "successor",
    "新款": "successor",
    "替代": "substitute",
    "需要": "requires",
}
# The same among facts, and whether the object is the item that the subject stands beside.
OF_FACTS: dict[str, tuple[RelationName, bool]] = {
    "requires": ("requires", False),
    "accessory of": ("accessory", True),
    "successor of": ("successor", True),
    "substitute for": ("substitute", True),
}


def _named(value: object) -> object:
    if not isinstance(value, str):
        return value
    name = value.strip().lower()
    return CHINESE.get(name, name)


class Relation(Record):
    """`other_id` is an accessory, the successor or a substitute of `item_id`, or it needs it."""

    item_id: Text
    other_id: Text
    relation: Annotated[RelationName, BeforeValidator(_named)]

    @model_validator(mode="after")
    def _is_of_two(self) -> Self:
        if self.item_id == self.other_id:
            raise ValueError("an item is related to itself")
        return self


class Relations:
    """Relations by item number and kind of list, in the order of their file.

    Attributes:
        rows: all of them as they were added, for another process.
    """

    def __init__(self, rows: Iterable[tuple[int, int, RelationName]] = ()) -> None:
        self.rows: list[tuple[int, int, RelationName]] = []
        self._of: dict[tuple[int, Kind], dict[int, RelationName]] = {}
        for row in rows:
            self.add(*row)

    def __bool__(self) -> bool:
        return bool(self._of)

    def add(self, item: int, other: int, name: RelationName) -> None:
        """Take one; a substitute is one both ways, and the first name of a pair stays."""
        self.rows.append((item, other, name))
        self._of.setdefault((item, KIND_OF[name]), {}).setdefault(other, name)
        if name == "substitute":
            self._of.setdefault((other, KIND_OF[name]), {}).setdefault(item, name)

    def of(self, item: int, kind: Kind) -> dict[int, RelationName]:
        """Item number → the relation."""
        return self._of.get((item, kind), {})

    def named(self, item: int, name: RelationName) -> list[int]:
        """The items that stand in one relation to an item."""
        return [other for other, one in self.of(item, KIND_OF[name]).items() if one == name]

    def giving_way(self, allowed: NDArray[np.bool_]) -> list[int]:
        """Items with a successor, at whatever remove, that may be shown.

        Args:
            allowed: [items], which may be.
        """
        return [
            item
            for item, kind in self._of
            if kind == "similar" and any(allowed[after] for after in self._successors(item))
        ]

    def _successors(self, item: int) -> set[int]:
        found: set[int] = set()
        waiting = self.named(item, "successor")
        while waiting:
            after = waiting.pop()
            if after not in found:
                found.add(after)
                waiting += self.named(after, "successor")
        return found - {item}


def read_relations(
    path: Path | None, catalogue: Catalogue, at: datetime | None = None
) -> Relations:
    """The relations of a file; none where there is no file.

    Args:
        at: facts that hold then are taken; None: now.

    Raises:
        UserError: bad rows, or an item that is not in the catalogue, by line; facts about none.
        RefusedError: facts that exclude each other.
    """
    found = Relations()
    if path is None:
        return found
    if is_knowledge(path):
        return _of_facts(path, catalogue, at or datetime.now(UTC))
    records = read_records(path, Relation)
    for one, place in zip(records.items, records.places, strict=True):
        numbers = [_number(item_id, catalogue, place) for item_id in (one.item_id, one.other_id)]
        found.add(numbers[0], numbers[1], one.relation)
    return found


def _of_facts(path: Path, catalogue: Catalogue, at: datetime) -> Relations:
    """What the facts state of items, and what follows; items go by id or by title."""
    graph = read_agreeing_graph(path)
    titles = _by_title(catalogue)
    found, taken = Relations(), 0
    for subject, relation, other in graph.at(at):
        if relation not in OF_FACTS:
            continue
        name, is_turned = OF_FACTS[relation]
        item, beside = (_item(one, graph.names, catalogue, titles) for one in (subject, other))
        if item is None or beside is None or item == beside:
            continue
        found.add(*((beside, item) if is_turned else (item, beside)), name)
        taken += 1
    if not taken:
        raise UserError(
            "no fact relates items of the catalogue",
            where=str(path),
            hint=f"Name them by item_id or title; the relations are: {', '.join(OF_FACTS)}.",
        )
    say(f"{path}: {taken:,} facts relate items, those that follow from others included")
    return found


def _item(thing: str, names: Names, catalogue: Catalogue, titles: Mapping[str, int]) -> int | None:
    called = names.of.get(thing, [thing])
    numbers = [catalogue.number.get(one, titles.get(key(one))) for one in called]
    return next((one for one in numbers if one is not None), None)


def _by_title(catalogue: Catalogue) -> dict[str, int]:
    """Folded title → item, where only one has it."""
    count = Counter(map(key, catalogue.titles))
    return {key(title): n for n, title in enumerate(catalogue.titles) if count[key(title)] == 1}


def _number(item_id: str, catalogue: Catalogue, place: str) -> int:
    number = catalogue.number.get(item_id)
    if number is None:
        near: Sequence[str] = difflib.get_close_matches(item_id, catalogue.ids, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else "Take it out, or add it to --items."
        raise UserError(f"there is no item {item_id!r}", where=place, hint=hint)
    return number
