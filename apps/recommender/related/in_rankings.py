"""What the shop's relations say in rankings: complements, successors, and what else is needed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from apps.recommender.catalogue.items import Catalogue
from apps.recommender.interactions.events import Histories
from apps.recommender.lists.reasons import DID
from apps.recommender.lists.rules import Rules
from apps.recommender.related.relations import Relations
from apps.recommender.schema import BEHAVIORS, Language, Reason, Recommendation, RelationName
from common.records.text import language_of

PURCHASE = BEHAVIORS.index("purchase")
# So far below the list a complement is looked for.
DEPTH = 50
COMPLEMENTS: tuple[RelationName, ...] = ("requires", "accessory")

SENTENCES: Mapping[Language, Mapping[RelationName, str]] = {
    "en": {
        "accessory": "An accessory of “{title}”, which you {did}.",
        "successor": "The successor of “{title}”, which you {did}.",
        "requires": "Needs “{title}” as well.",
    },
    "zh": {
        "accessory": "您{did}的“{title}”的配件。",
        "successor": "您{did}的“{title}”的新款。",
        "requires": "还需要搭配“{title}”。",
    },
}
# What somebody did, by item: the strongest behaviour with each.
Past = Mapping[int, int]


class RelationsInRankings:
    """Relations between items, as rankings keep to them."""

    def __init__(self, relations: Relations, catalogue: Catalogue) -> None:
        self._relations = relations
        self._catalogue = catalogue

    def __bool__(self) -> bool:
        return bool(self._relations)

    def giving_way(
        self, rules: Rules, allowed: NDArray[np.bool_], at: float | None = None
    ) -> list[int]:
        """Items that have a successor which may be shown, unless a rule forces them by their id.

        Args:
            allowed: [items], which may be.
            at: the moment, seconds since 1970; None: dated rules force nothing.
        """
        forced = {
            rule.item_id for rule in rules.rule if rule.action == "force" and rule.is_in_force(at)
        }
        gone = self._relations.giving_way(allowed)
        return [item for item in gone if self._catalogue.ids[item] not in forced]

    def depth(self, k: int, past: Past) -> int:
        """How far a list of `k` is ranked: further where there is a complement to be found."""
        return k + DEPTH if self._complements(past) else k

    def places(
        self, items: Sequence[int], k: int, past: Past, ruled: Collection[int] = ()
    ) -> list[int]:
        """Places of a list: the first `k`; the last one goes to the first complement below them.

        Only if none stands among the first, and never the only place, nor one of a rule.

        Args:
            items: by place, as deep as `depth` says; -1 where there is none.
            ruled: places that a rule decided.
        """
        found = [place for place, item in enumerate(items) if item >= 0]
        wanted, first = self._complements(past), found[:k]
        below = [place for place in found[k:] if items[place] in wanted]
        free = [rank for rank, place in enumerate(first) if place not in ruled]
        if k > 1 and free and below and wanted.isdisjoint(items[place] for place in first):
            first[free[-1]] = below[0]
        return first

    def held(self, shown: Sequence[int], past: Past) -> list[int]:
        """Ranks, from 0, of a list of items that stay: that of its first complement.

        Args:
            shown: item numbers.
        """
        wanted = self._complements(past)
        return [rank for rank, item in enumerate(shown) if item in wanted][: len(shown) > 1]

    def with_reasons(
        self, rows: Sequence[Recommendation], past: Past, language: str | None
    ) -> list[Recommendation]:
        """The rows, each with what relates it to what was done, and with what it needs."""
        told = []
        for row in rows:
            first, last = self.reasons(self._catalogue.number[row.item_id], past, language)
            told.append(row.model_copy(update={"reasons": [*first, *row.reasons, *last]}))
        return told

    def reasons(
        self, item: int, past: Past, language: str | None
    ) -> tuple[list[Reason], list[Reason]]:
        """What relates an item to what was done, and what it needs beside: first and last."""
        found = [*self._reasons(item, past, language)]
        first = [one for one in found if one.relation != "requires"]
        return first, [one for one in found if one.relation == "requires"]

    def _complements(self, past: Past) -> set[int]:
        """What goes with what was bought."""
        named = self._relations.named
        bought = [item for item, behavior in past.items() if behavior == PURCHASE]
        return {other for item in bought for name in COMPLEMENTS for other in named(item, name)}

    def _reasons(self, item: int, past: Past, language: str | None) -> Iterator[Reason]:
        catalogue, named = self._catalogue, self._relations.named
        spoken = language or catalogue.languages[item] or language_of(catalogue.titles[item])
        is_chinese = spoken.startswith("zh")
        for other, behavior in past.items():
            if behavior == PURCHASE and item in named(other, "accessory"):
                yield self._reason("accessory", other, behavior, is_chinese)
            if item in named(other, "successor"):
                yield self._reason("successor", other, behavior, is_chinese)
        for needed in named(item, "requires"):
            if past.get(needed) != PURCHASE:
                yield self._reason("requires", needed, 0, is_chinese)

    def _reason(self, name: RelationName, item: int, behavior: int, is_chinese: bool) -> Reason:
        language: Language = "zh" if is_chinese else "en"
        parts = {
            "title": self._catalogue.titles[item],
            "did": DID[language][BEHAVIORS[behavior]],
        }
        return Reason(
            kind="relation",
            text=SENTENCES[language][name].format(**parts),
            item_id=self._catalogue.ids[item],
            relation=name,
            strength=1.0,
        )


def past_of(histories: Histories, row: int = 0) -> Past:
    """What one row did."""
    found: dict[int, int] = {}
    columns = (histories.item[row].tolist(), histories.behavior[row].tolist())
    for item, behavior in zip(*columns, strict=True):
        if item >= 0:
            found[item] = max(behavior, found.get(item, behavior))
    return found
