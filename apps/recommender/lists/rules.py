"""What a shop wants of every list, read from a TOML file: what may not be in it, and how much."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from apps.recommender.catalogue.items import ALWAYS, Catalogue
from apps.recommender.lists.circumstances import OF_TRAINING, Circumstances
from apps.recommender.lists.diversity import Cap
from apps.recommender.lists.item_rules import NO_RULE, Decided, ItemRule, decide
from apps.recommender.schema import BEHAVIORS, Behavior
from common.records.fields import Text
from common.rules.reading import read_rules as read_file
from common.rules.rule import RulesFile

DAY = 86_400

Most = Annotated[int, Field(ge=1)]
Price = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Rules(RulesFile[ItemRule]):
    """Rules for all lists; blocked categories and tags match whatever their case."""

    available_only: bool = True
    exclude_after: tuple[Behavior, ...] = Field(
        BEHAVIORS, description="A user's own items after these behaviours are left out."
    )
    minimum_price: Price | None = Field(None, description="Items without a price pass.")
    maximum_price: Price | None = Field(None, description="Items without a price pass.")
    most_per_category: Most | None = None
    most_per_tag: Most | None = None
    item_ttl: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = Field(
        None, description="So many days after created_at an item leaves all lists."
    )
    blocked_items: tuple[Text, ...] = ()
    blocked_categories: tuple[Text, ...] = ()
    blocked_tags: tuple[Text, ...] = ()

    @model_validator(mode="after")
    def _some_price_passes(self) -> Rules:
        low, high = self.minimum_price, self.maximum_price
        if low is not None and high is not None and low > high:
            raise ValueError(f"no price is from {low:g} to {high:g}")
        return self

    @property
    def reads_texts(self) -> bool:
        """Whether a rule goes by the texts of items."""
        return any(rule.when is not None for rule in self.rule)

    def in_force(self, at: float | None) -> tuple[bool, ...]:
        """Of each rule, whether it holds at a moment, seconds since 1970; None: without any."""
        return tuple(rule.is_in_force(at) for rule in self.rule)

    def expired(self, catalogue: Catalogue, at: float | None) -> NDArray[np.bool_]:
        """[items], which have left all lists by a moment; an item of no known age never does."""
        if self.item_ttl is None or at is None:
            return ~_all(catalogue)
        created = catalogue.created
        return np.asarray((created != ALWAYS) & (created <= at - self.item_ttl * DAY))

    def allowed(
        self,
        catalogue: Catalogue,
        decided: Decided | None = None,
        circumstances: Circumstances = OF_TRAINING,
    ) -> NDArray[np.bool_]:
        """[items], whether an item may be recommended to anybody.

        Args:
            decided: what `decide` says of the catalogue, where it is at hand.
        """
        at, available = circumstances.at, circumstances.available
        decided = decided or decide(self.rule, catalogue, at)
        there = catalogue.available if available is None else available
        allowed = there.copy() if self.available_only else _all(catalogue)
        allowed &= ~self.expired(catalogue, at)
        if self.minimum_price is not None:
            allowed &= ~(catalogue.price < self.minimum_price)
        if self.maximum_price is not None:
            allowed &= ~(catalogue.price > self.maximum_price)
        allowed &= ~np.isin(catalogue.category, _numbers(self.blocked_categories, catalogue))
        for item_id in self.blocked_items:
            if item_id in catalogue.number:
                allowed[catalogue.number[item_id]] = False
        if self.blocked_tags:
            blocked = _keys(self.blocked_tags)
            allowed &= [blocked.isdisjoint(_keys(tags)) for tags in catalogue.tags]
        allowed &= decided.forbidden == NO_RULE
        allowed[list(circumstances.giving_way(allowed))] = False
        return allowed

    def excludes(self, behavior: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
        """Which events, by the numbers of their behaviours, keep their item from their user."""
        return np.isin(behavior, [BEHAVIORS.index(name) for name in self.exclude_after])

    def caps(self, catalogue: Catalogue) -> list[Cap]:
        """The limits that `rerank` keeps."""
        caps = []
        if self.most_per_category is not None:
            caps.append(Cap(catalogue.category[:, None], self.most_per_category))
        if self.most_per_tag is not None:
            caps.append(Cap(_tag_numbers(catalogue), self.most_per_tag))
        return caps

    def without_effect(self, catalogue: Catalogue) -> list[str]:
        """A line for each blocked name that no item has, with the nearest, and each idle rule."""
        tags = sorted({tag for tags in catalogue.tags for tag in tags})
        return [
            *_unknown("item", self.blocked_items, catalogue.ids),
            *_unknown("category", self.blocked_categories, catalogue.categories, fold=True),
            *_unknown("tag", self.blocked_tags, tags, fold=True),
            *self._idle(catalogue),
        ]

    def _idle(self, catalogue: Catalogue) -> list[str]:
        lines = []
        for rule in self.rule:
            if rule.action != "rename" and not rule.items(catalogue).any():
                near = difflib.get_close_matches(rule.item_id or "", catalogue.ids, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                lines.append(f"the rule {rule.name!r} is about none of the items{hint}")
            elif rule.label is not None and rule.label not in catalogue.categories:
                near = difflib.get_close_matches(rule.label, catalogue.categories, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                lines.append(f"the rule {rule.name!r} renames no category of the items{hint}")
        return lines


def read_rules(path: Path) -> Rules:
    """Rules from a TOML file of the names of `Rules`.

    Raises:
        UserError: the file is missing or broken, an unknown name, or an impossible value.
    """
    return read_file(path, Rules)


def _all(catalogue: Catalogue) -> NDArray[np.bool_]:
    return np.ones(len(catalogue), np.bool_)


def _keys(names: Iterable[str]) -> set[str]:
    return {name.casefold() for name in names}


def _numbers(categories: Sequence[str], catalogue: Catalogue) -> list[int]:
    blocked = _keys(categories)
    return [n for n, name in enumerate(catalogue.categories) if name.casefold() in blocked]


def _tag_numbers(catalogue: Catalogue) -> NDArray[np.int32]:
    """[items, most tags of an item] numbers of tags, -1 where there is none."""
    numbers: dict[str, int] = {}
    rows = [
        sorted({numbers.setdefault(tag.casefold(), len(numbers)) for tag in tags})
        for tags in catalogue.tags
    ]
    groups = np.full((len(rows), max(map(len, rows), default=0)), -1, np.int32)
    for row, tags in zip(groups, rows, strict=True):
        row[: len(tags)] = tags
    return groups


def _unknown(
    kind: str, names: Sequence[str], known: Sequence[str], *, fold: bool = False
) -> list[str]:
    have = _keys(known) if fold else set(known)
    missing = [name for name in names if (name.casefold() if fold else name) not in have]
    lines = []
    for name in missing:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        lines.append(f"the blocked {kind} {name!r} is not among the items{hint}")
    return lines
