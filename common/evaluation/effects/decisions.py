"""Logged decisions, from a table of the user's to arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import UserError
from common.evaluation.effects.graph import CausalGraph
from common.records.rows import Broken, read_rows
from common.rules.places import near

Floats = NDArray[np.float64]

TRUE = {"1", "1.0", "true", "yes", "y", "是"}
FALSE = {"0", "0.0", "false", "no", "n", "否"}
MOST_LEVELS = 50
# A level of fewer rows is put together with others of its kind.
LEAST_ROWS = 20
FEWEST = 200
OTHERS = "(others)"


@dataclass(frozen=True)
class Decisions:
    """One row a decision.

    Attributes:
        treated: [rows], 1 where the action was taken, else 0.
        outcome: [rows].
        causes: [rows, columns] what is adjusted for, numbers standardised, each level of a word a
            column of 0 and 1.
        names: of the columns of `causes`.
        is_number: of the columns of `causes`, whether it is a number.
        unit: [rows], whose decision it is; each one's own where nothing names it.
    """

    treated: Floats
    outcome: Floats
    causes: Floats
    names: tuple[str, ...]
    is_number: tuple[bool, ...]
    unit: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.treated)

    @property
    def is_binary(self) -> bool:
        """Whether the outcome is yes or no."""
        return bool(np.isin(self.outcome, (0.0, 1.0)).all())


def read_decisions(path: Path, question: CausalGraph, adjust_for: Sequence[str]) -> Decisions:
    """The columns that are asked for.

    Raises:
        UserError: the file cannot be read, lacks a column, or holds what is no number or no action;
            there are too few rows, or all were treated alike.
    """
    rows = read_rows(path)
    for place, row in rows:
        if isinstance(row, Broken):
            raise UserError(row.reason, where=place)
    places = [place for place, _ in rows]
    table: list[dict[str, Any]] = [row for _, row in rows if isinstance(row, dict)]
    if len(table) < FEWEST:
        raise UserError(f"{len(table)} decisions: fewer than {FEWEST} say nothing", where=str(path))
    known = {name for row in table for name in row}

    def column(name: str) -> list[str]:
        if name not in known:
            raise UserError(
                f"there is no column {name!r}",
                where=str(path),
                hint=f"{near(name, sorted(known))} Name it under [columns], or call the variable "
                "unmeasured.",
            )
        return ["" if row.get(name) is None else str(row[name]).strip() for row in table]

    treated = _treated(column(question.column_of(question.treatment)), places, question)
    outcome = _outcome(column(question.column_of(question.outcome)), places, question)
    parts = [_cause(name, column(question.column_of(name)), places) for name in adjust_for]
    unit = (
        _units(column(question.unit), places, question.unit)
        if question.unit
        else list(map(str, range(len(table))))
    )
    names = tuple(name for part in parts for name in part.names)
    arrays = [part.values for part in parts] or [np.empty((len(table), 0))]
    return Decisions(
        treated,
        outcome,
        np.concatenate(arrays, axis=1),
        names,
        tuple(part.is_number for part in parts for _ in part.names),
        np.unique(unit, return_inverse=True)[1].astype(np.int64),
    )


@dataclass(frozen=True)
class _Part:
    names: list[str]
    values: Floats
    is_number: bool


def _treated(values: list[str], places: Sequence[str], question: CausalGraph) -> Floats:
    name = question.treatment
    for value, place in zip(values, places, strict=True):
        if not value:
            raise UserError(f"{name} is empty", where=place, hint="Leave the row out.")
    kinds = set(values)
    if question.treated is not None:
        wanted = question.treated
        found = np.array([value.casefold() == wanted.casefold() for value in values])
        if not found.any():
            raise UserError(
                f"treated: {name} is never {wanted!r}", hint=near(wanted, sorted(kinds))
            )
    else:
        lower = [value.casefold() for value in values]
        odd = next((n for n, value in enumerate(lower) if value not in TRUE | FALSE), None)
        if odd is not None:
            raise UserError(
                f"{name} is {values[odd]!r}: neither yes nor no",
                where=places[odd],
                hint='Say which value is the action: treated = "…" in the graph.',
            )
        found = np.array([value in TRUE for value in lower])
    if found.all() or not found.any():
        every = "every" if found.all() else "no"
        raise UserError(f"{every} decision has {name}: nothing to compare with")
    return found.astype(float)


def _units(values: list[str], places: Sequence[str], name: str) -> list[str]:
    """Rows without a unit would count together as one that is like no other."""
    for value, place in zip(values, places, strict=True):
        if not value:
            raise UserError(
                f"{name} is empty: whose decision is it?",
                where=place,
                hint="Leave the row out, or give it a value of its own.",
            )
    return values


def _outcome(values: list[str], places: Sequence[str], question: CausalGraph) -> Floats:
    found = np.empty(len(values))
    for n, value in enumerate(values):
        lower = value.casefold()
        number = 1.0 if lower in TRUE else 0.0 if lower in FALSE else _number(value)
        if number is None:
            what = f"is {value!r}: no number" if value else "is empty"
            raise UserError(f"{question.outcome} {what}", where=places[n])
        found[n] = number
    if found.min() == found.max():
        raise UserError(f"{question.outcome} is {found[0]:g} in every row: nothing to explain")
    return found


def _cause(name: str, values: list[str], places: Sequence[str]) -> _Part:
    """A number standardised, with a column for those that are missing; or a column a level."""
    # As data frames write what is missing.
    values = ["" if value.casefold() == "nan" else value for value in values]
    numbers = [_number(value) for value in values if value]
    if None in numbers and len({*numbers}) > MOST_LEVELS:
        # As levels, nearly all of its numbers would be rare ones, and not told from each other.
        odd = next(n for n, value in enumerate(values) if value and _number(value) is None)
        raise UserError(
            f"{name} is {values[odd]!r} among numbers",
            where=places[odd],
            hint="Leave the field empty: what is missing is told from all numbers.",
        )
    if numbers and None not in numbers:
        is_missing = np.array([not value for value in values])
        known = np.array([np.nan if not value else float(_number(value) or 0) for value in values])
        filled = np.where(is_missing, np.nanmean(known), known)
        spread = filled.std() or 1.0
        columns, names = [(filled - filled.mean()) / spread], [name]
        if is_missing.any():
            columns.append(is_missing.astype(float))
            names.append(f"{name} missing")
        return _Part(names, np.stack(columns, axis=1), is_number=True)
    counts: dict[str, int] = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    kept = {value for value, count in counts.items() if count >= LEAST_ROWS}
    if len(kept) > MOST_LEVELS or not kept:
        raise UserError(
            f"{name} has {len(counts):,} different values and is no number",
            hint="Group them into a few, or give a number: days instead of a date.",
        )
    told = [value if value in kept else OTHERS for value in values]
    levels = sorted(set(told))[1:]
    columns = [np.array([value == level for value in told], dtype=float) for level in levels]
    shown = [f"{name}={level or 'missing'}" for level in levels]
    values_of = np.stack(columns, axis=1) if columns else np.empty((len(values), 0))
    return _Part(shown, values_of, is_number=False)


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if np.isfinite(number) else None
