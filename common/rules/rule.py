"""A rule, and a file of rules: what every application reads alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import ClassVar, Generic, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from common.records.fields import Text
from common.rules.conditions import Facts, When, spell

Action = Literal["force", "forbid", "rename", "route"]
Language = Literal["en", "zh"]

ALWAYS = frozenset({"name", "action", "when"})


class Names(BaseModel):
    """What a label is shown as, by language."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    en: Text | None = None
    zh: Text | None = None


class DecidedBy(BaseModel):
    """The rule that decided, and those that decided something beside it."""

    rule: str
    action: Action
    further: list[str] = []

    @property
    def rules(self) -> list[str]:
        """Names of all of them."""
        return [self.rule, *self.further]


class Rule(BaseModel):
    """One rule.

    An application adds the fields that name what is forced or forbidden, and says in `TAKES` which
    fields go with which action.

    Attributes:
        to: of `route`, the queue; of `rename`, what the label is shown as.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    # Action → fields of which it takes one.
    TAKES: ClassVar[Mapping[Action, Sequence[str]]] = {}
    # Action → fields that it may have beside.
    MAY_TAKE: ClassVar[Mapping[Action, Sequence[str]]] = {}
    # Why an action makes no sense in the application.
    SENSELESS: ClassVar[Mapping[Action, str]] = {}

    name: Text
    action: Action
    when: When | None = None
    label: Text | None = None
    to: Text | Names | None = None

    @model_validator(mode="after")
    def _has_what_its_action_takes(self) -> Self:
        if reason := self.SENSELESS.get(self.action):
            raise ValueError(f"{self.action}: {reason}")
        takes, may = self.TAKES[self.action], self.MAY_TAKE.get(self.action, ())
        given = [name for name in self.model_fields_set - ALWAYS if getattr(self, name) is not None]
        for name in sorted({*given} - {*takes, *may}):
            written = type(self).model_fields[name].alias or name
            raise ValueError(f"{written} does not go with {self.action}")
        if takes and sum(name in given for name in takes) != 1:
            raise ValueError(f"{self.action} takes {' or '.join(takes)}")
        if self.action == "rename" and self.to is None:
            raise ValueError("rename takes label and to")
        if self.action == "route" and not isinstance(self.to, str):
            raise ValueError("route takes to, the name of a queue")
        if self.action == "rename" and self.when is not None:
            raise ValueError("a label is shown under one name everywhere: rename takes no when")
        self._check_condition()
        return self

    def _check_condition(self) -> None:
        if self.action != "rename" and self.when is None:
            raise ValueError(f"{self.action} takes when")

    @property
    def decides(self) -> tuple[str, str] | None:
        """What it forces or forbids: a field and its value."""
        if self.action not in {"force", "forbid"}:
            return None
        found = ((name, getattr(self, name)) for name in self.TAKES[self.action])
        return next(((name, value) for name, value in found if value is not None), None)

    def holds(self, spelled: str, facts: Facts) -> bool:
        """Whether it applies to a text that `spell` gave."""
        return self.when is None or self.when.holds(spelled, facts)

    def contradicts(self, later: Rule) -> bool:
        """Whether the later one of two could never decide where both go by the same words."""
        mine, theirs = self.decides, later.decides
        if mine is None or theirs is None or not _meet(self.when, later.when):
            return False
        if {self.action, later.action} == {"force", "forbid"}:
            return mine == theirs
        is_same = self.action == later.action == "force" and self.when == later.when
        return is_same and mine[0] == theirs[0] and mine != theirs


R = TypeVar("R", bound=Rule)


class RulesFile(BaseModel, Generic[R]):
    """The rules of a file. They are looked at in their order: the first that applies decides."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule: tuple[R, ...] = Field((), description="Each is a table [[rule]].")

    def applying(self, text: str, facts: Facts) -> list[R]:
        """The rules that apply to a text, in their order."""
        spelled = spell(text)
        return [r for r in self.rule if r.action != "rename" and r.holds(spelled, facts)]

    def shown_as(self, labels: Iterable[str], language: str | None) -> dict[str, str] | None:
        """What labels are shown as in a language, those that are renamed; None: none is."""
        known = {rule.label: rule.to for rule in self.rule if rule.action == "rename"}
        found = {label: _in_language(known.get(label), language) for label in labels}
        return {label: name for label, name in found.items() if name is not None} or None

    def contradictions(self) -> Iterator[tuple[R, R]]:
        """Pairs of rules of which the later one could never decide."""
        for one, other in combinations(self.rule, 2):
            if one.contradicts(other):
                yield one, other


def decided_by(rules: Sequence[Rule]) -> DecidedBy | None:
    """What is said of the rules that decided, the most decisive first."""
    if not rules:
        return None
    further = dict.fromkeys(rule.name for rule in rules[1:] if rule.name != rules[0].name)
    return DecidedBy(rule=rules[0].name, action=rules[0].action, further=list(further))


def _in_language(to: str | Names | None, language: str | None) -> str | None:
    if isinstance(to, Names):
        return (to.zh or to.en) if language == "zh" else (to.en or to.zh)
    return to


def _meet(one: When | None, other: When | None) -> bool:
    return one is other or (one is not None and other is not None and one.meets(other))
