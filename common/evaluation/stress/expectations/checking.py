"""Which expectations a release meets, and how a candidate compares."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from common.console import progress
from common.evaluation.compare import Difference, paired_bootstrap
from common.evaluation.stress.expectations.expectation import KINDS, Case, Expectations

TEXTS_AT_ONCE = 64


Said = str | tuple[str, ...]


@dataclass(frozen=True)
class Decided:
    """What a release makes of one text.

    Attributes:
        said: decision → what was decided, several where it is a list; None where this release does
            not decide it.
        probabilities: of the labels that have one.
    """

    said: Mapping[str, Said | None]
    probabilities: Mapping[str, float]


# Texts → what is decided of each.
Decide = Callable[[Sequence[str]], Sequence[Decided]]


@dataclass(frozen=True)
class Met:
    """One case, whether it is met, and what was decided of each of its texts."""

    case: Case
    is_met: bool
    said: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**self.case.model_dump(exclude_none=True), "met": self.is_met, "said": self.said}


@dataclass(frozen=True)
class Checked:
    """All cases of some expectations, put to one release."""

    expectations: Expectations
    cases: Sequence[Met]

    @property
    def failures(self) -> list[Met]:
        """Cases that are not met, by kind."""
        return sorted(
            (one for one in self.cases if not one.is_met),
            key=lambda one: (KINDS.index(one.case.kind), one.case.name),
        )

    def counts(self) -> dict[tuple[str, str], tuple[int, int]]:
        """(Kind, name) → cases and failures, in the order of kinds."""
        found: dict[tuple[str, str], tuple[int, int]] = {}
        for one in sorted(self.cases, key=lambda one: KINDS.index(one.case.kind)):
            key = (one.case.kind, one.case.name)
            cases, failed = found.get(key, (0, 0))
            found[key] = (cases + 1, failed + (not one.is_met))
        return found

    def summary(self) -> dict[str, dict[str, int]]:
        """Kind → how many cases there are, and how many fail."""
        found: dict[str, dict[str, int]] = {}
        for (kind, _), (cases, failed) in self.counts().items():
            of_kind = found.setdefault(kind, {"cases": 0, "failed": 0})
            of_kind["cases"] += cases
            of_kind["failed"] += failed
        return found

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"kinds": self.summary(), "failures": [one.to_json() for one in self.failures]}


def check(expectations: Expectations, decide: Decide) -> Checked:
    """Put each text to a release, once."""
    texts = list(dict.fromkeys(text for case in expectations.cases for text in case.texts))
    decided: dict[str, Decided] = {}
    with progress("Expectations", len(texts)) as advance:
        for start in range(0, len(texts), TEXTS_AT_ONCE):
            some = texts[start : start + TEXTS_AT_ONCE]
            decided |= zip(some, decide(some), strict=True)
            advance(len(some))
    cases = [_met(case, [decided[text] for text in case.texts]) for case in expectations.cases]
    return Checked(expectations, cases)


def compare_checked(before: Checked, after: Checked) -> dict[str, Difference]:
    """Kind → the share of the same cases that either release meets."""
    members: dict[str, list[tuple[bool, bool]]] = {}
    for old, new in zip(before.cases, after.cases, strict=True):
        members.setdefault(old.case.kind, []).append((old.is_met, new.is_met))
    return {
        kind: paired_bootstrap(*zip(*members[kind], strict=True))
        for kind in KINDS
        if kind in members
    }


def _met(case: Case, decided: Sequence[Decided]) -> Met:
    said = [one.said.get(str(case.of)) for one in decided]
    if case.label is not None:
        chances = [one.probabilities.get(case.label) for one in decided]
        each = ["–" if chance is None else f"{case.label} {chance:.3f}" for chance in chances]
        first, second = chances
        is_met = first is not None and second is not None and _moves(case, second - first)
        return Met(case, is_met, tuple(each))
    known = [value for value in said if value is not None]
    told = tuple(_shown(value) for value in said)
    if len(known) < len(said):
        return Met(case, False, told)
    if case.kind == "minimum functionality":
        return Met(case, known[0] == case.expect, told)
    if case.kind == "invariance":
        return Met(case, _changed(*known) <= case.by, told)
    return Met(case, known[0] != known[1], told)


def _shown(said: Said | None) -> str:
    return ", ".join(said) if isinstance(said, tuple) else said or "–"


def _changed(one: Said, other: Said) -> float:
    """The share of a list that is not in the other, in whatever order; of what is none, 0 or 1."""
    if isinstance(one, str) or isinstance(other, str):
        return float(one != other)
    longest = max(len(one), len(other), 1)
    return (max(len(one), len(other)) - len({*one} & {*other})) / longest


def _moves(case: Case, change: float) -> bool:
    match case.moves:
        case "up":
            return change > case.by
        case "down":
            return change < -case.by
        case "not up":
            return change <= case.by
        case _:
            return change >= -case.by
