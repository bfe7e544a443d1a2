"""The places of one list: in their order, as the shop's relations say, and one given to chance."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from apps.recommender.catalogue.items import Catalogue
from apps.recommender.exploration.explorer import Drawn, Explorer, price
from apps.recommender.interactions.events import Histories
from apps.recommender.lists.item_rules import NO_RULE
from apps.recommender.lists.ranked import Ranked
from apps.recommender.lists.rows import row_of
from apps.recommender.pipeline.block import Block
from apps.recommender.pipeline.pipeline import Pipeline
from apps.recommender.related.in_rankings import Past, RelationsInRankings, past_of
from apps.recommender.schema import Recommendation


@dataclass(frozen=True)
class Slates:
    """Fills lists, one at a time; safe to use from several threads.

    Attributes:
        relations: put a complement into a list, and say what relates an item to what was done.
        explorer: gives a place to chance, if anything does; never one of a rule, nor the one of
            the complement.
    """

    model_id: str
    catalogue: Catalogue
    relations: RelationsInRankings
    explorer: Explorer | None = None

    def fill(
        self,
        pipeline: Pipeline,
        block: Block,
        k: int,
        *,
        user_id: str,
        language: str | None,
        diversity: float | None,
        done: Histories,
    ) -> list[Recommendation]:
        """The first `k` places of the only row of `block`, best first.

        Args:
            done: one row, what the relations go by.
        """
        past = past_of(done)
        explorer, is_due = self.explorer, self.explorer is not None and self.explorer.is_due()
        depth = self.relations.depth(k, past)
        if explorer is not None:
            depth = max(depth, explorer.depth(k, is_due=is_due))
        ranked = pipeline.rank_block(block, depth, [language], diversity)
        places, drawn = self._places(ranked, k, past), None
        if explorer is not None:
            held = self.relations.held([int(ranked.item[0, place]) for place in places], past)
            drawn = explorer.draw(ranked, places, is_due=is_due, held=held, ids=self.catalogue.ids)
            places = drawn.places
        lost = price(ranked, drawn) if drawn else None
        now = datetime.now(UTC)
        rows = [
            row_of(
                ranked,
                place,
                rank=rank + 1,
                user_id=user_id,
                model_id=self.model_id,
                now=now,
                catalogue=self.catalogue,
                rules=pipeline.choices.rules,
                language=language,
                propensity=drawn.propensity[rank] if drawn else None,
                explored=_is_explored(drawn, rank),
                explored_price=lost if _is_explored(drawn, rank) else None,
            )
            for rank, place in enumerate(places)
        ]
        return self.relations.with_reasons(rows, past, language) if self.relations else rows

    def _places(self, ranked: Ranked, k: int, past: Past) -> list[int]:
        ruled = np.flatnonzero(ranked.rule[0] != NO_RULE).tolist()
        return self.relations.places(ranked.item[0].tolist(), k, past, ruled)


def _is_explored(drawn: Drawn | None, rank: int) -> bool:
    return drawn is not None and drawn.explored == rank
