"""Rules about items: which come first, which never come, and what a category is called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, ConfigDict, Field

from apps.recommender.catalogue.items import Catalogue
from apps.recommender.lists.diversity import Cap
from common.records.fields import Since, Text, Until
from common.records.text import language_of
from common.rules.conditions import When, spell_normalised
from common.rules.rule import Action, Rule

Int32 = NDArray[np.int32]
Mask = NDArray[np.bool_]

# Of the items that a rule forces, so many of the most popular ones become candidates.
MOST_FORCED = 50
NO_RULE = -1


def _as_text(value: object) -> object:
    """TOML's own date, as it is written elsewhere."""
    return value.isoformat() if isinstance(value, date) else value


class ItemWhen(When):
    """A condition on an item: on its title, description and tags."""

    category: Text | None = None


class ItemRule(Rule):
    """Puts items first in every list, or keeps them out; shows a category under another name.

    `since` goes by the name of `from` in the file.
    """

    model_config = ConfigDict(populate_by_name=True)

    TAKES: ClassVar[Mapping[Action, Sequence[str]]] = {
        "force": (),
        "forbid": (),
        "rename": ("label",),
    }
    MAY_TAKE: ClassVar[Mapping[Action, Sequence[str]]] = {
        "force": ("item_id", "most", "position", "since", "until"),
        "forbid": ("item_id", "since", "until"),
        "rename": ("to",),
    }
    SENSELESS: ClassVar[Mapping[Action, str]] = {"route": "a list of items goes to no person"}

    when: ItemWhen | None = None
    item_id: Text | None = None
    most: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Of a forced kind, so many come first; default: 1."
    )
    position: Annotated[int, Field(ge=1)] | None = Field(
        None, description="The place of one forced item, from 1; default: before all others."
    )
    since: Annotated[Since, BeforeValidator(_as_text)] | None = Field(
        None, alias="from", description="When it begins to hold; without a zone, UTC."
    )
    until: Annotated[Until, BeforeValidator(_as_text)] | None = Field(
        None, description="When it ends; a date is the whole day."
    )

    def _check_condition(self) -> None:
        if self.action != "rename" and (self.when is None) == (self.item_id is None):
            raise ValueError(f"{self.action} takes when or item_id")
        if self.position is not None and self.most is not None:
            raise ValueError("position is the place of one item: it takes no most")
        if self.since and self.until and self.since >= self.until:
            raise ValueError("it ends before it begins")

    def is_in_force(self, at: float | None) -> bool:
        """Whether it holds at a moment, seconds since 1970; None: only what has no dates does."""
        if at is None:
            return self.since is None and self.until is None
        has_begun = self.since is None or self.since.timestamp() <= at
        return has_begun and (self.until is None or at < self.until.timestamp())

    def contradicts(self, later: Rule) -> bool:
        """Whether the later one could never decide: two forced items both have their place."""
        is_both = {self.action, later.action} == {"force", "forbid"}
        outlasts = not isinstance(later, ItemRule) or self._outlasts(later)
        return is_both and outlasts and super().contradicts(later)

    def _outlasts(self, later: ItemRule) -> bool:
        """Whether it holds whenever a later one does."""
        begins = self.since is None or (later.since is not None and self.since <= later.since)
        ends = self.until is None or (later.until is not None and later.until <= self.until)
        return begins and ends

    @property
    def decides(self) -> tuple[str, str] | None:
        """What it forces or forbids: an item, or those that meet its condition."""
        if self.action == "rename":
            return None
        return ("item_id", self.item_id) if self.item_id else ("items of", "its condition")

    def items(self, catalogue: Catalogue) -> Mask:
        """[items], those that it is about."""
        if self.when is None:
            return np.array([item_id == self.item_id for item_id in catalogue.ids], np.bool_)
        goes_by_facts = bool(self.when.facts)
        found = [
            self.when.holds(spell_normalised(text), _facts(catalogue, n) if goes_by_facts else {})
            for n, text in enumerate(catalogue.texts)
        ]
        return np.array(found, np.bool_)


@dataclass(frozen=True)
class Pin:
    """Items of which the best `most` come first; `rule` is the number of the rule in its file.

    `position`: in the place of that, where the best one stands, from 1.
    """

    rule: int
    items: Int32
    most: int
    position: int | None = None


@dataclass(frozen=True)
class Decided:
    """What rules decide of the items of a catalogue; of each, the first that is about it decides.

    Attributes:
        forbidden: [items], the number of the rule that forbids an item, `NO_RULE` where none does.
        forced: number of a rule → its items.
    """

    forbidden: NDArray[np.int16]
    forced: Mapping[int, Int32]

    def kept_out(self, rules: Sequence[ItemRule]) -> dict[str, int]:
        """How many items each rule keeps out of all lists."""
        numbers, counts = np.unique(self.forbidden, return_counts=True)
        found = zip(numbers.tolist(), counts.tolist(), strict=True)
        return {rules[number].name: count for number, count in found if number != NO_RULE}

    def pins(self, rules: Sequence[ItemRule], popularity: NDArray[np.float32]) -> list[Pin]:
        """What comes first, in the order of the rules.

        Args:
            popularity: [items], higher is more popular.
        """
        pinned = []
        for number, items in self.forced.items():
            best = items[np.argsort(-popularity[items], kind="stable")][:MOST_FORCED]
            pinned.append(Pin(number, best, rules[number].most or 1, rules[number].position))
        return pinned


def decide(rules: Sequence[ItemRule], catalogue: Catalogue, at: float | None = None) -> Decided:
    """What `rules` say of all items at a moment, as of `ItemRule.is_in_force`."""
    forbidden = np.full(len(catalogue), NO_RULE, np.int16)
    is_decided = np.zeros(len(catalogue), np.bool_)
    forced: dict[int, Int32] = {}
    for number, rule in enumerate(rules):
        if rule.action == "rename" or not rule.is_in_force(at):
            continue
        mine = rule.items(catalogue) & ~is_decided
        is_decided |= mine
        if rule.action == "forbid":
            forbidden[mine] = number
        else:
            forced[number] = np.flatnonzero(mine).astype(np.int32)
    return Decided(forbidden, forced)


def put_first(
    order: Int32,
    items: Int32,
    scores: NDArray[np.float32],
    pinned: Sequence[Pin],
    k: int,
    caps: Sequence[Cap],
) -> tuple[Int32, NDArray[np.int16]]:
    """Lists with what is pinned at its position or at their beginning, whatever the caps say.

    It counts for them. Of two that are pinned to one position, the later rule's stands behind.

    Args:
        order: [users, places of a list] places among the candidates, -1 behind the end.
        items: [users, candidates] item numbers.
        scores: [users, candidates].

    Returns:
        [users, k] places, and the number of the rule that put each there, or `NO_RULE`.
    """
    found = np.full((len(order), k), -1, np.int32)
    by = np.full((len(order), k), NO_RULE, np.int16)
    for user, row in enumerate(order):
        first: dict[int, int] = {}
        for pin in pinned:
            places = [p for p in np.flatnonzero(np.isin(items[user], pin.items)) if p not in first]
            places.sort(key=lambda place: -float(scores[user, place]))
            first |= dict.fromkeys(map(int, places[: pin.most]), pin.rule)
        rest = [int(place) for place in row if place >= 0 and int(place) not in first]
        kept = _positioned(first, _within(caps, items[user], list(first), rest), pinned)[:k]
        found[user, : len(kept)] = kept
        by[user, : len(kept)] = [first.get(place, NO_RULE) for place in kept]
    return found, by


def _positioned(first: Mapping[int, int], rest: Sequence[int], pinned: Sequence[Pin]) -> list[int]:
    """All places in the order of the list.

    Args:
        first: place → the rule that pinned it.
    """
    position = {pin.rule: pin.position for pin in pinned}
    slots = [(at, place) for place, rule in first.items() if (at := position[rule]) is not None]
    slotted = {place for _, place in slots}
    found = [*(place for place in first if place not in slotted), *rest]
    taken = 0
    for at, place in sorted(slots, key=lambda slot: slot[0]):
        taken = max(at, taken + 1)
        found.insert(taken - 1, place)
    return found


def _within(
    caps: Sequence[Cap], items: Int32, first: Sequence[int], rest: Sequence[int]
) -> list[int]:
    """Places of `rest` that the caps leave room for behind `first`."""
    taken: list[dict[int, int]] = [{} for _ in caps]
    kept = []
    for number, place in enumerate([*first, *rest]):
        groups = [[g for g in cap.groups[items[place]].tolist() if g >= 0] for cap in caps]
        has_room = all(
            taken[n].get(group, 0) < cap.most for n, cap in enumerate(caps) for group in groups[n]
        )
        if number >= len(first):
            if not has_room:
                continue
            kept.append(place)
        for n, own in enumerate(groups):
            taken[n] |= {group: taken[n].get(group, 0) + 1 for group in own}
    return kept


def _facts(catalogue: Catalogue, number: int) -> dict[str, str | None]:
    category = catalogue.category[number]
    return {
        "language": catalogue.languages[number] or language_of(catalogue.titles[number]),
        "category": catalogue.categories[category] if category >= 0 else None,
    }
