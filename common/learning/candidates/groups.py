"""The groups that may not get worse, however good a candidate is on the whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from common.console import say
from common.errors import UserError
from common.releases.gate import MARGIN

Record = TypeVar("Record")


@dataclass(frozen=True)
class Grouping(Generic[Record]):
    """What golden records can be grouped by.

    Attributes:
        of: by name, from a record to the groups that it belongs to; none where it does not tell.
        usual: the names that are taken where none are given.
        column: the one of the user's own among the names, read as the records' `segment`.
    """

    of: Mapping[str, Callable[[Record], Iterable[str]]]
    usual: tuple[str, ...]
    column: str | None = None

    def choose(self, by: str | None) -> tuple[str, ...]:
        """The names in `by`, separated by commas.

        Raises:
            UserError: there is no such name.
        """
        if by is None:
            return self.usual
        names = [name.strip() for name in by.split(",")]
        for name in names:
            if name not in self.of:
                raise UserError(
                    f"--by {by}: records cannot be grouped by {name!r}",
                    hint=f"They can by: {', '.join(self.of)}",
                )
        return tuple(dict.fromkeys(names))

    def with_columns(
        self, by: str, mapping: Sequence[str] | None
    ) -> tuple[Grouping[Record], tuple[str, ...], list[str]]:
        """Group by the names in `by`, one of which may be a column of the user's own.

        Returns:
            A grouping that has all of the names, and the column; the names; and `mapping` without
            another column for the records' `segment`.

        Raises:
            UserError: more than one of them is no name that is known.
        """
        names = tuple(dict.fromkeys(name.strip() for name in by.split(",")))
        own = [name for name in names if name not in self.of]
        if len(own) > 1:
            raise UserError(
                f"--by {by}: one column of your own at a time",
                hint=f"Without a column, records can be grouped by: {', '.join(self.of)}",
            )
        if not own:
            return self, names, list(mapping or ())
        (column,) = own

        def groups(record: Record) -> tuple[str, ...]:
            return called(column, getattr(record, "segment", None))

        kept = [pair for pair in mapping or () if not pair.startswith("segment=")]
        return Grouping({**self.of, column: groups}, self.usual, column), names, kept

    def assign(self, records: Sequence[Record], by: Sequence[str]) -> list[tuple[str, ...]]:
        """The groups of each record, by all of these names."""
        found: list[tuple[str, ...]] = [() for _ in records]
        for name in by:
            groups = [tuple(self.of[name](record)) for record in records]
            if records and not any(groups):
                say(f"No record tells its {name}: nothing is compared by it")
            found = [known + more for known, more in zip(found, groups, strict=True)]
        return found


@dataclass(frozen=True)
class GroupGate(Generic[Record]):
    """What `train` holds a release to beside the whole.

    Attributes:
        by: names that `grouping` has.
        max_loss: share of its figure that a group may lose against the release that serves.
        allow: the option by which a person allows more, if there is one.
    """

    grouping: Grouping[Record]
    by: tuple[str, ...]
    max_loss: float = MARGIN
    allow: str | None = None

    @classmethod
    def usual(cls, grouping: Grouping[Record]) -> GroupGate[Record]:
        """By the names that are taken where none are given."""
        return cls(grouping, grouping.usual)

    def assign(self, records: Sequence[Record]) -> list[tuple[str, ...]]:
        """The groups of each record."""
        return self.grouping.assign(records, self.by)


def called(name: str, value: str | None) -> tuple[str, ...]:
    """One group by the value of a field, or none where it is empty."""
    return (f"{name} {value}",) if value else ()


def require_column(grouping: Grouping[Any] | None, records: Sequence[Any]) -> None:
    """See that a column of the user's own tells something of the records to be grouped.

    Args:
        grouping: None: the usual one, which has no such column.

    Raises:
        UserError: it tells nothing.
    """
    if grouping is None or grouping.column is None:
        return
    if any(getattr(one, "segment", None) for one in records):
        return
    column = grouping.column
    known = ", ".join(name for name in grouping.of if name != column)
    raise UserError(
        f"--by {column}: no column {column!r} in the held-out records, or nothing in it",
        hint=f"Name a column of theirs, or take {known}.",
    )
