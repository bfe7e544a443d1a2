"""The rules, the stock and the clock, as a pipeline follows them while it is asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from threading import Lock

from apps.recommender.catalogue.stock import LiveStock, Stock
from apps.recommender.lists.circumstances import Circumstances
from apps.recommender.lists.rules import Rules
from apps.recommender.pipeline.pipeline import Pipeline
from apps.recommender.related.in_rankings import RelationsInRankings
from common.console import say
from common.rules.live import LiveRules


@dataclass(frozen=True)
class _State:
    """What lists went by; `decided`: which rules were in force, and how many items had expired."""

    rules: Rules
    stock: Stock | None
    decided: tuple[object, ...]

    def is_as(self, other: _State) -> bool:
        same = self.rules is other.rules and self.stock is other.stock
        return same and self.decided == other.decided


class Following:
    """Makes a pipeline go by what holds now; to be asked from any thread.

    Attributes:
        pipeline: over what held when it was last refreshed.

    Args:
        pipeline: its rules are gone by where there are no others.
        rules: live, in the place of those.
        stock: live, over what the items say.
        relations: between items, as the shop names them.
        clock: seconds since 1970; None: dated rules and `item_ttl` do nothing.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        rules: LiveRules[Rules] | None,
        stock: LiveStock | None,
        relations: RelationsInRankings,
        clock: Callable[[], float] | None,
    ) -> None:
        self.pipeline = pipeline
        self._lock = Lock()
        self._own_rules = pipeline.choices.rules
        self._catalogue = pipeline.prepared.catalogue
        self._rules = rules
        self._stock = stock
        self._relations = relations
        self._clock = clock
        as_made = self._state(self._own_rules, None, None)
        self._followed = None if relations else as_made

    def refresh(self) -> None:
        """Go by what holds now, if it is something else."""
        with self._lock:
            self.pipeline = self._apply(self.pipeline)

    def _apply(self, pipeline: Pipeline) -> Pipeline:
        rules = self._rules.current if self._rules else self._own_rules
        stock = self._stock.current if self._stock else None
        at = self._clock() if self._clock else None
        state, before = self._state(rules, stock, at), self._followed
        if before is not None and state.is_as(before):
            return pipeline
        if before is None or before.rules is not rules:
            for line in rules.without_effect(self._catalogue):
                say(line)
        if stock is not None and (before is None or before.stock is not stock):
            _tell_unknown(stock.unknown(self._catalogue))
        available = stock.available(self._catalogue) if stock is not None else None

        giving_way = partial(self._relations.giving_way, rules, at=at)
        made = pipeline.with_rules(rules, Circumstances(at, available, giving_way))
        self._followed = state
        return made

    def _state(self, rules: Rules, stock: Stock | None, at: float | None) -> _State:
        return _State(rules, stock, (rules.in_force(at), rules.expired(self._catalogue, at).sum()))


def _tell_unknown(count: int) -> None:
    if count:
        say(f"the stock names {count:,} items that the catalogue lacks")
