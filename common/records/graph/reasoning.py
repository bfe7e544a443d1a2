"""What follows from facts by the rules of their relations, each with its proof."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from common.errors import UserError
from common.records.graph.fact import Stated, Triple
from common.records.graph.vocabulary import Vocabulary

MOST_DERIVED = 500_000


@dataclass(frozen=True)
class Step:
    """How a triple is known: stated by a row, or by a rule from other triples."""

    stated: Stated | None
    rule: str = ""
    premises: tuple[Triple, ...] = ()


@dataclass(frozen=True)
class Proof:
    """The rows that a triple follows from, in the order of the chain, and the rules it took."""

    triple: Triple
    stated: tuple[Stated, ...]
    rules: tuple[str, ...]


class Conclusions:
    """All that facts state, and all that follows.

    Found breadth first (semi-naive forward chaining), so that no other proof of a triple takes
    fewer rounds of rules.

    Raises:
        UserError: more than `MOST_DERIVED` triples follow.
    """

    def __init__(self, facts: Iterable[Stated], vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._steps: dict[Triple, Step] = {}
        self._objects: dict[tuple[str, str], list[str]] = defaultdict(list)
        self._subjects: dict[tuple[str, str], list[str]] = defaultdict(list)
        waiting: deque[Triple] = deque()
        for one in facts:
            if one.triple not in self._steps:
                self._add(one.triple, Step(one))
                waiting.append(one.triple)
        while waiting:
            for triple, rule, premises in self._following(waiting.popleft()):
                if triple in self._steps or triple.subject == triple.object:
                    continue
                if len(self._steps) >= MOST_DERIVED:
                    raise UserError(
                        f"more than {MOST_DERIVED:,} facts follow, the last one by: {rule}",
                        hint="Take the relation out of transitive or chains.",
                    )
                self._add(triple, Step(None, rule, premises))
                waiting.append(triple)

    def __contains__(self, triple: Triple) -> bool:
        return triple in self._steps

    def __iter__(self) -> Iterator[Triple]:
        return iter(self._steps)

    def objects(self, subject: str, relation: str) -> list[str]:
        """What a subject is related to; what is stated first, and in the order of the file."""
        return self._objects.get((subject, relation), [])

    def subjects(self, relation: str, of: str) -> list[str]:
        """What is related to an object."""
        return self._subjects.get((of, relation), [])

    def prove(self, triple: Triple) -> Proof:
        """The rows and rules that a triple which is known follows from."""
        stated: dict[Stated, None] = {}
        rules: dict[str, None] = {}
        # Deep chains would exceed the stack of a recursion.
        waiting = [triple]
        while waiting:
            step = self._steps[waiting.pop()]
            if step.stated is not None:
                stated.setdefault(step.stated)
            else:
                rules.setdefault(step.rule)
                waiting += reversed(step.premises)
        return Proof(triple, tuple(stated), tuple(rules))

    def _add(self, triple: Triple, step: Step) -> None:
        self._steps[triple] = step
        self._objects[triple.subject, triple.relation].append(triple.object)
        self._subjects[triple.object, triple.relation].append(triple.subject)

    @cached_property
    def _inverse(self) -> dict[str, str]:
        pairs = self._vocabulary.inverse
        return {**pairs, **{other: one for one, other in pairs.items()}}

    @cached_property
    def _chains(self) -> list[tuple[str, str, str]]:
        """(first, second, what follows)."""
        transitive = [(name, name, name) for name in self._vocabulary.transitive]
        return transitive + [
            (first, second, name)
            for name, pairs in self._vocabulary.chains.items()
            for first, second in pairs
        ]

    def _following(self, one: Triple) -> Iterator[tuple[Triple, str, tuple[Triple, ...]]]:
        """What follows from a triple and those before it."""
        if one.relation in self._vocabulary.symmetric:
            turned = Triple(one.object, one.relation, one.subject)
            yield turned, f"symmetric: {one.relation}", (one,)
        if (other := self._inverse.get(one.relation)) is not None:
            turned = Triple(one.object, other, one.subject)
            yield turned, f"inverse: {one.relation} / {other}", (one,)
        for first, second, name in self._chains:
            rule = f"transitive: {name}" if first == second == name else f"chain: {first}, {second}"
            if one.relation == first:
                for end in [*self.objects(one.object, second)]:
                    yield (
                        Triple(one.subject, name, end),
                        rule,
                        (one, Triple(one.object, second, end)),
                    )
            if one.relation == second:
                for begin in [*self.subjects(first, one.subject)]:
                    yield (
                        Triple(begin, name, one.object),
                        rule,
                        (Triple(begin, first, one.subject), one),
                    )
