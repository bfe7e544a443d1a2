"""What replies commit themselves to, and which of them go together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from apps.customer_service.importing.mining.facts import Facts, disagree, facts_of
from apps.customer_service.importing.wording import Mark, mark, sentences


@dataclass(frozen=True)
class Claim:
    """The amounts of a reply by kind, and whether it says yes or no, if either."""

    amounts: tuple[tuple[str, frozenset[str]], ...]
    says_yes: bool | None = None

    @property
    def facts(self) -> Facts:
        """The amounts by kind."""
        return dict(self.amounts)

    @property
    def size(self) -> int:
        """How much it commits itself to."""
        return len(self.amounts) + (self.says_yes is not None)

    def contradicts(self, other: Claim) -> bool:
        """Whether both cannot be true of the same question."""
        return {self.says_yes, other.says_yes} == {True, False} or self.differs(other)

    def differs(self, other: Claim) -> bool:
        """Whether both name an amount of one kind, and none of them alike."""
        return bool(disagree(self.facts, other.facts))


def claims_of(replies: Sequence[str]) -> list[Claim]:
    """The claim of each reply."""
    distinct = list(dict.fromkeys(replies))
    opening = {reply: sentences(reply)[0] for reply in distinct}
    marks = mark(opening.values())
    made = {}
    for reply in distinct:
        kind = marks[opening[reply]]
        says = None if not kind & (Mark.affirmation | Mark.denial) else not kind & Mark.denial
        amounts = tuple(sorted(facts_of(reply).items()))
        made[reply] = Claim(amounts, None if says is None else bool(says))
    return [made[reply] for reply in replies]


def camps(claims: Sequence[Claim]) -> list[list[Claim]]:
    """Distinct claims, those together that do not contradict each other; who claims most begins."""
    found: list[list[Claim]] = []
    distinct = dict.fromkeys(claims)
    for claim in sorted(distinct, key=lambda one: (-one.size, repr(_spelled(one)))):
        fitting = [c for c in found if not any(claim.contradicts(other) for other in c)]
        if fitting:
            max(fitting, key=len).append(claim)
        else:
            found.append([claim])
    return found


def _spelled(claim: Claim) -> tuple[object, ...]:
    """A claim in one order, whatever the order of a set."""
    return *((kind, sorted(values)) for kind, values in claim.amounts), claim.says_yes
