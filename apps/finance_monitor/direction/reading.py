"""What the words of a text say together: that things are better, or worse.

A clause is read as a sum of units. A unit is a thing or an event with what moves, begins or ends
it beside it: less of what is bad is good, and so is its end. Negations turn round the units that
follow them (Polanyi & Zaenen 2006, "Contextual valence shifters"; Moilanen & Pulman 2007,
"Sentiment composition"); denials those before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from apps.finance_monitor.direction.lexicon import Lexicon, Match, Role

# A movement, a beginning or an end of nothing named; and a thing that nothing moves.
LONE, STILL = 0.3, 0.2
# What is conceded, was before, or stands before a "but"; and what is no longer so.
ASIDE, EARLIER, LEFT_BEHIND = 0.3, 0.5, -0.5
# In tokens: what moves a thing stands no further away.
FARTHEST = 12


@dataclass(frozen=True)
class Said:
    """One unit: its words, and how good (above 0) or bad it is."""

    words: str
    value: float


@dataclass(frozen=True)
class Reading:
    """Of one text: its units, from left to right of its clauses."""

    said: tuple[Said, ...]

    @property
    def score(self) -> float:
        """Above 0: good."""
        return sum(one.value for one in self.said)


@dataclass(eq=False)
class Unit:
    """What is judged, and the words beside it that change the judgement."""

    head: Match
    moves: list[Match] = field(default_factory=list)
    starts: list[Match] = field(default_factory=list)
    ends: list[Match] = field(default_factory=list)
    turns: int = 0
    weight: float = 1.0

    @property
    def members(self) -> list[Match]:
        """All its words, from left to right."""
        members = [self.head, *self.moves, *self.starts, *self.ends]
        return sorted(members, key=lambda one: one.first)

    def said(self) -> Said:
        """Its value, −1 to 1, with its words."""
        sign = (-1) ** (len(self.ends) + self.turns)
        words = " ".join(one.words for one in self.members)
        return Said(words, round(self._value() * sign * self.weight, 3))

    def _value(self) -> float:
        polarity = _polarity(self.head)
        if not polarity:
            ends = _is(self.head, "ends", "reverses", "untrue")
            return LONE * (_way(self.head) or (-1 if ends else 1))
        if self.moves:
            total = sum(map(_way, self.moves))
            return polarity * (1 if total > 0 else -1 if total < 0 else _way(self._last_word()))
        moved = self.starts or self.ends or self.turns or _is(self.head, "welcome", "unwelcome")
        return polarity if moved else polarity * STILL

    def _last_word(self) -> Match:
        """Of movements that contradict each other, what is said of the thing: "high costs ease"."""
        said = [one for one in self.moves if one.first > self.head.first]
        return said[-1] if said else self.moves[0]


def read(text: str, lexicon: Lexicon) -> Reading:
    """What the entries of `lexicon` say in a prepared text."""
    clauses: list[list[Unit]] = []
    for clause in _clauses(lexicon, text):
        if any(_is(one, "but") for one in clause):
            for unit in (unit for units in clauses for unit in units):
                unit.weight *= ASIDE
        units = _units(clause)
        before = clauses[-1] if clauses else []
        _turn(clause, units or before)
        if not units and not (before and any(_is(one, "untrue") for one in clause)):
            # A negation of nothing named is a small piece of bad news.
            units = [Unit(one) for one in clause if _is(one, "reverses", "untrue")]
        weights = _weights(clause)
        weight = _weight(clause)
        for unit in units:
            unit.weight *= weight * weights[unit.head]
        clauses.append(units)
    said = [one for units in clauses for one in _loud([unit.said() for unit in units])]
    return Reading(tuple(said))


def _loud(said: list[Said]) -> list[Said]:
    """Without the things that nothing moves, where others are moved."""
    loud = [one for one in said if abs(one.value) > STILL]
    return loud or said


def _clauses(lexicon: Lexicon, text: str) -> Iterator[list[Match]]:
    """The entries between marks, also parted where one clause is set against another."""
    for whole in lexicon.matches(text):
        clause: list[Match] = []
        for one in whole:
            if _is(one, "other"):
                continue
            if clause and (_is(one, "after") or (_is(one, "but", "although") and _says(clause))):
                yield clause
                clause = []
            if clause or not _is(one, "then"):
                clause.append(one)
            if clause and _is(one, "then"):
                yield clause
                clause = []
        if clause:
            yield clause


def _says(clause: Sequence[Match]) -> bool:
    """Whether anything is said of the things in it: in 成本仍在下降, 仍 parts nothing."""
    return any(_is_operator(one) or _is(one, "welcome", "unwelcome") for one in clause)


def _weight(clause: Sequence[Match]) -> float:
    """How much what is said in a clause counts."""
    if any(_is(one, "although") for one in clause):
        return ASIDE
    return EARLIER if _is(clause[0], "after") or _is(clause[-1], "then") else 1.0


def _units(clause: Sequence[Match]) -> list[Unit]:
    """Things and events, each with the nearest words that move, start or end it."""
    units = [Unit(one) for one in clause if _polarity(one) and not _is_operator(one)]
    things = list(units)
    # What stands behind "from" is where the movement begins: "fell from a record high".
    begun = {one for before, one in pairwise(clause) if _is(before, "from") and not _is(one, "to")}
    for move in (one for one in clause if _way(one) and one not in begun):
        near = _moved(move, [unit for unit in things if not _parted(move, unit.head, clause)])
        if near is None:
            units.append(Unit(move))
        else:
            near.moves.append(move)
    for one in (one for one in clause if _is(one, "starts", "ends") and not _is_turn(one)):
        near = _begun(one, units)
        if near is not None:
            (near.ends if _is(one, "ends") else near.starts).append(one)
        else:
            units.append(Unit(one))
    return units


def _moved(move: Match, things: Sequence[Unit]) -> Unit | None:
    """The nearest thing, or one right behind if that is moved already: "higher costs cut it"."""
    near = _nearest(move, things)
    if near is not None and near.moves and near.head.first < move.first:
        behind = _nearest(move, [unit for unit in things if unit.head.first > move.first])
        if behind is not None and not behind.moves and _gap(move, behind.head) <= 1:
            return behind
    return near


def _begun(one: Match, units: Sequence[Unit]) -> Unit | None:
    """What a word starts or ends: a movement right behind it, a fitting thing behind or before."""
    for unit in units:
        if any(move.first == one.last for move in unit.moves):
            return unit
    fitting = [unit for unit in units if _fits(one, unit.head)]
    behind = _nearest(one, [unit for unit in fitting if unit.head.first > one.first])
    return behind or _nearest(one, [unit for unit in fitting if not unit.moves])


def _fits(one: Match, head: Match) -> bool:
    """Whether what is begun or ended is such as makes that as good or bad as it is by itself.

    "Suffers" goes with a loss and not with a profit, "repays" with a debt.
    """
    own = _polarity(one)
    if not own or (own < 0 and _is(one, "ends")):
        return True
    return _polarity(head) == (-own if _is(one, "ends") else own)


def _nearest(one: Match, units: Sequence[Unit]) -> Unit | None:
    """The unit whose head stands nearest; of two, the one before."""
    near = min(
        units,
        key=lambda unit: (_gap(one, unit.head), unit.head.first > one.first),
        default=None,
    )
    return near if near is not None and _gap(one, near.head) <= FARTHEST else None


def _gap(one: Match, other: Match) -> int:
    return max(other.first - one.last, one.first - other.last)


def _parted(move: Match, thing: Match, clause: Sequence[Match]) -> bool:
    """Whether the thing is where the movement leads, and not what moves: "slips to a loss"."""
    return any(_is(one, "to") and move.last <= one.first < thing.first for one in clause)


def _turn(clause: Sequence[Match], units: Sequence[Unit]) -> None:
    """Let negations and denials turn round what they stand before or behind."""
    for one in clause:
        after = [unit for unit in units if unit.members[-1].first > one.first]
        before = [unit for unit in units if unit not in after]
        if _is(one, "reverses"):
            turned = after or (before if _is(one, "untrue") else [])
        elif _is(one, "untrue"):
            turned = before
        else:
            continue
        for unit in turned:
            unit.turns += 1


def _weights(clause: Sequence[Match]) -> dict[Match, float]:
    """Of each entry, 1; less between "from" and "to", where what is no longer so stands."""
    weights = dict.fromkeys(clause, 1.0)
    for place, one in enumerate(clause):
        if not _is(one, "from"):
            continue
        until = next((i for i in range(place, len(clause)) if _is(clause[i], "to")), None)
        # What falls from a value to another is not left behind: 从10亿元的利润降至5亿元.
        if until is not None and not _way(clause[until]):
            weights |= dict.fromkeys(clause[place:until], LEFT_BEHIND)
    return weights


def _is(one: Match, *roles: Role) -> bool:
    return not one.roles.isdisjoint(roles)


def _is_turn(one: Match) -> bool:
    return bool(_way(one)) or _is(one, "reverses", "untrue")


def _is_operator(one: Match) -> bool:
    return _is_turn(one) or _is(one, "starts", "ends")


def _polarity(one: Match) -> int:
    """1 of what is good, −1 of what is bad, 0 of what is neither."""
    return _is(one, "good", "welcome") - _is(one, "bad", "unwelcome")


def _way(one: Match) -> int:
    return _is(one, "up") - _is(one, "down")
