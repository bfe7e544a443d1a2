"""What is expected of a decision when a text is written so, or otherwise (CheckList).

Ribeiro et al. 2020, arXiv 2005.04118: invariance, what must not matter does not; direction, what
must matter does, and which way; minimum functionality, what nobody may get wrong is right.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from common.records.fields import Text

Kind = Literal["invariance", "direction", "minimum functionality"]
Moves = Literal["up", "down", "not up", "not down", "other"]
KINDS: tuple[Kind, ...] = ("invariance", "direction", "minimum functionality")
# Share of the cases of a kind that a candidate may fail beyond those of the release that serves.
MOST_MORE_FAILURES = 0.02
SLOT = re.compile(r"\{(\w+)\}")
Lists = Mapping[str, Sequence[str]]


class Wanted(BaseModel):
    """What is wanted of the decision on a text, or of that on another text beside it.

    Attributes:
        of: which decision, where the application makes several; None: its first one.
        expect: what must be decided (minimum functionality).
        moves: where the probability of `label` goes; `other`: the decision must be another one
            (direction).
        by: at least so much, or for `not up` and `not down`: no more than so much; for invariance
            of a list, the share of it that may be another.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Text
    kind: Kind
    of: Text | None = None
    expect: Text | None = None
    label: Text | None = None
    moves: Moves | None = None
    by: float = Field(0.0, ge=0, le=1)

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        needs = {
            "expect": self.kind == "minimum functionality",
            "moves": self.kind == "direction",
            "label": self.kind == "direction" and self.moves != "other",
        }
        for name, is_needed in needs.items():
            if is_needed and getattr(self, name) is None:
                raise ValueError(f"{self.kind} needs {name!r}")
            if not is_needed and getattr(self, name) is not None:
                raise ValueError(f"{name!r} is of no use to {self._described}")
        if self.by and not needs["label"] and self.kind != "invariance":
            raise ValueError(f"'by' is of no use to {self._described}")
        return self

    @property
    def _described(self) -> str:
        turns = self.kind == "direction" and self.moves == "other"
        return "a move to 'other'" if turns else self.kind

    @property
    def said(self) -> str:
        """What is wanted, for people to read."""
        if self.kind == "invariance":
            return f"the same but for {self.by:.0%}" if self.by else "the same"
        if self.kind == "minimum functionality":
            return str(self.expect)
        if self.moves == "other":
            return "another one"
        amount = f" by {self.by:g}" if self.by else ""
        return f"{self.label} {self.moves}{amount}"


class Case(Wanted):
    """One text, or a text and the same written otherwise."""

    texts: tuple[str, ...]


class Expectation(Wanted):
    """One kind of expectation of several texts, as a file states it.

    A text may have slots such as `{city}`, which are filled from the lists of the file.
    """

    texts: tuple[Text | tuple[Text, ...], ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _has_texts_of_its_kind(self) -> Self:
        for one in self.texts:
            several = 1 if isinstance(one, str) else len(one)
            if self.kind == "minimum functionality" and several != 1:
                raise ValueError("minimum functionality is of one text at a time")
            if self.kind == "direction" and several != 2:
                raise ValueError("direction is of pairs: [[before, after], …]")
            if self.kind == "invariance" and not isinstance(one, str) and several < 2:
                raise ValueError("invariance is of two texts or more, or of one with slots")
            if self.kind == "invariance" and isinstance(one, str) and not SLOT.search(one):
                raise ValueError(f"nothing in {one!r} may change: it has no slot such as {{city}}")
        return self

    def cases(self, lists: Lists) -> list[Case]:
        """Each text filled from the lists.

        Where a text alone must stay, it is compared with itself with one slot filled otherwise.
        """
        wanted = {name: getattr(self, name) for name in Wanted.model_fields}
        found = [texts for one in self.texts for texts in self._filled(one, lists)]
        return [Case(**wanted, texts=texts) for texts in dict.fromkeys(found)]

    def _filled(self, one: str | tuple[str, ...], lists: Lists) -> list[tuple[str, ...]]:
        texts = (one,) if isinstance(one, str) else one
        slots = list(dict.fromkeys(slot for text in texts for slot in SLOT.findall(text)))
        if self.kind == "invariance" and isinstance(one, str):
            plain = {slot: lists[slot][0] for slot in slots}
            others = [{**plain, slot: other} for slot in slots for other in lists[slot][1:]]
            return [(_fill(one, plain), _fill(one, other)) for other in others]
        rounds = max((len(lists[slot]) for slot in slots), default=1)
        found: list[tuple[str, ...]] = []
        for turn in range(rounds):
            values = {slot: lists[slot][turn % len(lists[slot])] for slot in slots}
            first, *rest = (_fill(text, values) for text in texts)
            found += [(first, other) for other in rest] or [(first,)]
        return found


class Expectations(BaseModel):
    """All cases, and how many more of them a candidate may fail than the release that serves.

    `max_more_failures` is a share of the cases of each kind.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_more_failures: float = Field(MOST_MORE_FAILURES, ge=0, le=1)
    cases: tuple[Case, ...] = ()


def _fill(text: str, values: Mapping[str, str]) -> str:
    return SLOT.sub(lambda found: values[found[1]], text)
