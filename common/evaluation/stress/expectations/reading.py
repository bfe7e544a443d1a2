"""Expectations from the files of a user: TOML with lists and slots, or a table of texts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from common.errors import UserError, reason_of
from common.evaluation.stress.expectations.expectation import (
    MOST_MORE_FAILURES,
    SLOT,
    Case,
    Expectation,
    Expectations,
    Wanted,
)
from common.files import check_readable, read_toml
from common.records.fields import Text
from common.records.reader import read_records
from common.rules.places import line_of, near

# Decision → what may be decided; None: anything may.
Known = Mapping[str, Collection[str] | None]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    max_more_failures: float = Field(MOST_MORE_FAILURES, ge=0, le=1)
    lists: dict[str, list[Text]] = {}
    expectation: list[Expectation] = []


class _Row(Wanted):
    """One row of a table; `other` is the text written otherwise."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    text: Text
    other: Text | None = None

    @model_validator(mode="after")
    def _has_as_many_texts_as_its_kind(self) -> Self:
        if (self.other is None) != (self.kind == "minimum functionality"):
            what = "is of one text, and" if self.other else "needs"
            raise ValueError(f"{self.kind} {what} 'other'{' is a second' if self.other else ''}")
        return self


def read_expectations(
    paths: Sequence[Path], decisions: Sequence[str], lists: Collection[str] = ()
) -> Expectations:
    """The cases of all files; the least `max_more_failures` of them holds.

    Args:
        decisions: names of what the application decides; the first one is meant where a case
            names none.
        lists: those of them that are lists, of which a part may be another.

    Raises:
        UserError: a file is missing or broken, an expectation makes no sense, or there are none.
    """
    found: list[Case] = []
    margins = []
    for path in paths:
        check_readable(path)
        if path.suffix.lower() == ".toml":
            file = _read_toml(path)
            margins.append(file.max_more_failures)
            cases = [case for one in file.expectation for case in one.cases(file.lists)]
        else:
            cases = _read_table(path)
        if not cases:
            raise UserError("no expectations", where=str(path), hint="Add an [[expectation]].")
        for case in cases:
            if case.of is not None and case.of not in decisions:
                hint = near(case.of, decisions)
                raise UserError(
                    f"expectation {case.name!r}: nothing called {case.of!r} is decided",
                    where=str(path),
                    hint=hint,
                )
            if case.kind == "invariance" and case.by and (case.of or decisions[0]) not in lists:
                raise UserError(
                    f"expectation {case.name!r}: 'by' is of no use to invariance", where=str(path)
                )
        found += [case.model_copy(update={"of": case.of or decisions[0]}) for case in cases]
    return Expectations(
        max_more_failures=min(margins, default=MOST_MORE_FAILURES), cases=tuple(found)
    )


def check_known(expectations: Expectations, known: Known, labels: Collection[str]) -> None:
    """See that what is expected can be decided at all, so that a slip of the pen is no failure.

    Args:
        labels: what has a probability.

    Raises:
        UserError: it names the nearest.
    """
    for case in expectations.cases:
        possible = known.get(str(case.of))
        for value, names in ((case.expect, possible), (case.label, labels)):
            if value is not None and names is not None and value not in names:
                raise UserError(
                    f"expectation {case.name!r}: {value!r} is never decided",
                    hint=near(value, names),
                )


def _read_toml(path: Path) -> _File:
    values = read_toml(path)
    try:
        file = _File.model_validate(values)
    except ValidationError as error:
        raise _mistake(path, values, error) from None
    for name, members in file.lists.items():
        if len(set(members)) < 2:
            where = line_of(path, "lists", name)
            raise UserError(f"list {name!r} has fewer than two words", where=where)
    for number, one in enumerate(file.expectation):
        for texts in one.texts:
            for slot in SLOT.findall(texts if isinstance(texts, str) else " ".join(texts)):
                if slot not in file.lists:
                    raise UserError(
                        f"expectation {one.name!r}: there is no list {slot!r} for {{{slot}}}",
                        where=line_of(path, "expectation", number, "texts"),
                        hint=near(slot, file.lists),
                    )
    return file


def _read_table(path: Path) -> list[Case]:
    names = Wanted.model_fields
    return [
        Case(
            **{name: getattr(row, name) for name in names},
            texts=(row.text,) if row.other is None else (row.text, row.other),
        )
        for row in read_records(path, _Row)
    ]


def _mistake(path: Path, values: dict[str, Any], error: ValidationError) -> UserError:
    """The first thing that is wrong, where it stands."""
    first = error.errors()[0]
    place = first["loc"]
    keys = [key for key in place[2:] if isinstance(key, str)]
    if place[0] != "expectation" or len(place) < 2:
        unknown = first["type"] == "extra_forbidden"
        return UserError(
            f"{'.'.join(map(str, place))}: {reason_of(first)}",
            where=line_of(path, str(place[0])),
            hint=near(str(place[0]), _File.model_fields) if unknown else None,
        )
    number = int(place[1])
    table = values["expectation"][number]
    called = table.get("name") if isinstance(table, dict) else None
    begins = f"expectation {called!r}" if called else f"expectation {number + 1}"
    hint = None
    what = ".".join(keys[:1]) + ": " if keys else ""
    if first["type"] == "extra_forbidden":
        hint = near(keys[0], Expectation.model_fields)
    return UserError(
        f"{begins}: {what}{reason_of(first)}",
        where=line_of(path, "expectation", number, *keys[:1]),
        hint=hint,
    )
