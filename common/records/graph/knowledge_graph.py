"""Facts with their names settled, asked as they are at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from common.records.graph.fact import Stated
from common.records.graph.reasoning import Conclusions
from common.records.graph.vocabulary import IS_A, Vocabulary
from common.records.text import language_of, normalise

# Dates at which something begins or ends are few between two looks.
VIEWS_KEPT = 4


def key(name: str) -> str:
    """What names are compared by: all of them but case and spaces; S10+ is another than S10."""
    return "".join(normalise(name).casefold().split()) or name


@dataclass(frozen=True)
class Names:
    """What each thing is called.

    Attributes:
        of: thing → all its names, its own first.
        things: `key` of a name → thing.
    """

    of: Mapping[str, Sequence[str]]
    things: Mapping[str, str]

    def thing(self, name: str) -> str | None:
        """What goes by a name, whatever its case and spaces; None where nothing does."""
        return self.things.get(key(name))

    def shown(self, thing: str, language: str) -> str:
        """Its own name, or where that is in another language the first one that is in this."""
        names = self.of.get(thing, [thing])
        if language_of(names[0]) in {language, "other"}:
            return names[0]
        return next((one for one in names if language_of(one) == language), names[0])


@dataclass(frozen=True)
class KnowledgeGraph:
    """Facts of one file, the names of what they are about, and the rules of their relations."""

    facts: Sequence[Stated]
    names: Names
    vocabulary: Vocabulary
    _views: dict[frozenset[int], Conclusions] = field(default_factory=dict, compare=False)

    def at(self, time: datetime) -> Conclusions:
        """What holds at a time, and what follows from it."""
        hidden = frozenset(n for n in self._dated if not self.facts[n].is_valid(time))
        view = self._views.get(hidden)
        if view is None:
            held = (one for n, one in enumerate(self.facts) if n not in hidden)
            view = Conclusions(held, self.vocabulary)
            while len(self._views) >= VIEWS_KEPT:
                # Another thread may have been quicker.
                self._views.pop(next(iter(self._views)), None)
            self._views[hidden] = view
        return view

    @cached_property
    def _dated(self) -> list[int]:
        facts = ((n, one.fact) for n, one in enumerate(self.facts))
        return [n for n, fact in facts if fact.valid_from or fact.valid_until]

    @cached_property
    def kinds(self) -> frozenset[str]:
        """What things are kinds of."""
        return frozenset(one.triple.object for one in self.facts if one.triple.relation == IS_A)

    def related(self, relations: Iterable[str]) -> frozenset[str]:
        """Everything that stands on either side of one of these relations, whatever the time."""
        wanted = {*relations}
        ends = (
            (one.triple.subject, one.triple.object)
            for one in self.facts
            if one.triple.relation in wanted
        )
        return frozenset(end for pair in ends for end in pair)
