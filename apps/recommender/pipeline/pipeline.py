"""From users to ranked lists: one path for training, evaluation, the job and the server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from apps.recommender.cold.scoring import ColdItems
from apps.recommender.interactions.counting import EventCounting
from apps.recommender.interactions.events import Events, Histories, Int32, Int64, histories
from apps.recommender.interactions.popularity import COUNTS, lasting, overall
from apps.recommender.interactions.queries import FEW_EVENTS
from apps.recommender.lists.circumstances import OF_TRAINING, Circumstances
from apps.recommender.lists.decisions import Decisions, decisions
from apps.recommender.lists.diversity import rerank
from apps.recommender.lists.evidence import usual_similarity
from apps.recommender.lists.item_rules import NO_RULE, put_first
from apps.recommender.lists.margins import earnings, with_margins
from apps.recommender.lists.ranked import Ranked, joined
from apps.recommender.lists.reasons import Explainer
from apps.recommender.lists.rules import Rules
from apps.recommender.pipeline.block import Block, padded, taken
from apps.recommender.pipeline.choices import Choices, cold_placed
from apps.recommender.pipeline.contributions import contributions
from apps.recommender.pipeline.prepared import Prepared
from apps.recommender.pipeline.simple import SimpleMethod
from apps.recommender.ranking.features import FeatureBuilder
from apps.recommender.ranking.probabilities import Probabilities
from apps.recommender.ranking.ranker import Ranker
from apps.recommender.retrieval.search import CandidateSearch
from apps.recommender.retrieval.towers import TowerModel
from apps.recommender.task import interests

# Users whose candidates and features are held at once.
USERS_PER_BLOCK = 256
CELLS_PER_BLOCK = 2**25
# What people look at: further down, a list is for whoever wants more of the same.
PLACES_DIVERSE = 10

Float32 = NDArray[np.float32]


class Pipeline:
    """A trained recommender over what is known by a moment.

    Args:
        counted: events that popularity is counted from; default: what `prepared` has counted, or
            all that are known.
        ranker: None ranks by the text score alone.
    """

    def __init__(
        self,
        towers: TowerModel,
        prepared: Prepared,
        choices: Choices,
        *,
        counted: Events | None = None,
        ranker: Ranker | None = None,
        probabilities: Probabilities | None = None,
    ) -> None:
        catalogue, events = prepared.catalogue, prepared.events
        given = prepared.snapshot or events
        self.towers = towers
        self.prepared = prepared
        self.choices = choices
        self.ranker = ranker
        self.probabilities = probabilities
        self.builder = FeatureBuilder(
            catalogue, prepared.items, given if counted is None else counted, prepared.features
        )
        counting = self.builder.counting
        if isinstance(counting, EventCounting):
            counting = counting.snapshot(prepared.as_of)
        met = counting.met
        self._simple = None
        if choices.blend is not None:
            events = prepared.events if counted is None else counted
            self._simple = SimpleMethod(choices.blend, prepared, events)
        self._popularity = overall(met)
        self.is_cold = met[:, COUNTS.index("all")] == 0
        self._cold = None
        if choices.cold is not None and self.is_cold.any():
            number = np.flatnonzero(self.is_cold)
            created, popularity = catalogue.created_or_nan, lasting(met)
            self._cold = ColdItems(
                towers, prepared.items, number, created, popularity, choices.cold
            )
        self._decisions: Decisions | None = None
        self._follow(choices.rules, OF_TRAINING)
        self.explainer = Explainer(
            catalogue,
            prepared.items,
            usual_similarity(prepared.items),
            neighbours=prepared.neighbours.weights,
            features=self.builder.features,
        )

    def with_rules(self, rules: Rules, circumstances: Circumstances = OF_TRAINING) -> Pipeline:
        """The same over other rules, in other circumstances."""
        found = copy(self)
        found.choices = replace(self.choices, rules=rules)
        found._follow(rules, circumstances)
        return found

    def _follow(self, rules: Rules, circumstances: Circumstances) -> None:
        prepared, before = self.prepared, self._decisions
        found = decisions(rules, circumstances, prepared.catalogue, self._popularity, before)
        self._decisions, self.kept_out = found, found.kept_out
        self.caps, self.pins = found.caps, found.pins
        self._wanted = found.wanted
        self.search = CandidateSearch(
            prepared.items,
            prepared.neighbours,
            self._popularity,
            found.allowed & prepared.allowed.everybody,
            self.choices.depths,
            prepared.approximate,
            prepared.quantised,
        )

    @property
    def block_size(self) -> int:
        """Users that are ranked at once: fewer where there are many items."""
        return max(1, min(USERS_PER_BLOCK, CELLS_PER_BLOCK // len(self.prepared.catalogue)))

    def look_up(self, users: Int64, as_of: Int64, *, own_lists: bool = False) -> Block:
        """Histories, candidates and features of `users` [rows] as of `as_of` [rows].

        Args:
            own_lists: all of these users have lists of their own, which are searched alone.
        """
        events = self.prepared.events
        past = histories(events, users, as_of, self.choices.history)
        lists = [self.prepared.allowed.of_user[int(u)] for u in users] if own_lists else None
        return self.look_up_after(users, past, self.excluded(users, as_of), lists)

    def look_up_after(
        self,
        users: Int64,
        past: Histories,
        excluded: csr_array,
        lists: Sequence[Int32] | None = None,
    ) -> Block:
        """The same for histories that are at hand; `excluded` [rows, items] is not to be found."""
        found = interests(self.towers, self.prepared.items, past).numpy()
        given = None if lists is None else padded(lists)
        simple = None if self._simple is None else self._simple.scores(past)
        depths = self.choices.depths
        further: dict[str, Int32] = {}
        barred = excluded.toarray() | ~self.search.allowed
        if self._simple is not None and simple is not None:
            further |= self._simple.best(simple, barred, depths.popular)
        cold = None if self._cold is None else self._cold.scores(past, found)
        if self._cold is not None and cold is not None:
            further["text"] = self._cold.best(cold, barred, depths.cold)
        candidates = self.search.find(found, past, excluded, given, self._wanted, further)
        features = self.builder.build(users, past, candidates)
        if simple is not None:
            simple = np.take_along_axis(simple, np.maximum(candidates.item, 0), 1)
        if self._cold is not None and cold is not None:
            cold = self._cold.at(cold, candidates.item)
        return Block(users, past, candidates, features, simple, cold)

    def scores(self, block: Block, weight: float | None = None) -> NDArray[np.float32]:
        """[rows, places] that lists are ordered by, -inf where there is no candidate.

        Args:
            weight: of the simple method, if one takes part; None: as chosen in training.
        """
        if self.ranker is None:
            scores = block.candidates.text_score
        else:
            scores = self.ranker.score(block.features)
        scores = np.where(block.candidates.is_empty, np.float32(-np.inf), scores)
        if self._simple is None or block.simple is None or weight == 0:
            return scores
        return self._simple.blended(scores, block.simple, weight)

    def priced(self, scores: Float32, block: Block, weight: float | None = None) -> Float32:
        """Scores [rows, places] with what is profitable higher, by `weight` or as chosen."""
        weight = self.choices.margin_weight if weight is None else weight
        if not weight or self.probabilities is None:
            return scores
        earned = earnings(scores, block.candidates, self.probabilities, self.prepared.catalogue)
        return scores if earned is None else with_margins(scores, earned, weight)

    def placed(self, scores: Float32, block: Block) -> Float32:
        """Scores [rows, places] as lists are ordered by them: cold items at places of their own."""
        if block.cold is None:
            return scores
        return cold_placed(scores, block.cold, self.choices)

    def rank(
        self,
        users: Int64,
        as_of: Int64,
        k: int,
        *,
        diversity_weight: float | None = None,
        with_reasons: bool = True,
        advance: Callable[[int], object] | None = None,
    ) -> Ranked:
        """Lists of `users` [rows] as of `as_of` [rows], each user once.

        Args:
            strength: of diversity; None: as chosen in training.
            advance: called with how many users were done.
        """
        has_own = np.array([int(u) in self.prepared.allowed.of_user for u in users], np.bool_)
        pieces, rows = [], []
        for own_lists in (False, True):
            group = np.flatnonzero(has_own == own_lists)
            for start in range(0, len(group), self.block_size):
                part = group[start : start + self.block_size]
                block = self.look_up(users[part], as_of[part], own_lists=own_lists)
                spoken = [self.prepared.languages[u] for u in users[part]]
                pieces.append(self.rank_block(block, k, spoken, diversity_weight, with_reasons))
                rows.append(part)
                if advance:
                    advance(len(part))
        return joined(pieces, np.argsort(np.concatenate(rows)))

    def rank_block(
        self,
        block: Block,
        k: int,
        languages: Sequence[str | None],
        diversity_weight: float | None = None,
        with_reasons: bool = True,
        scores: Float32 | None = None,
        *,
        margin_weight: float | None = None,
    ) -> Ranked:
        """Order the candidates of one block, diversify, explain.

        Args:
            scores: what `scores` gave for the block, where it is at hand.
            margin_weight: None: as chosen in training.
        """
        candidates = block.candidates
        scores = self.scores(block) if scores is None else scores
        placed = self.placed(self.priced(scores, block, margin_weight), block)
        order = rerank(
            candidates.item,
            np.where(candidates.is_empty, 0, placed),
            self.prepared.items,
            k + sum(pin.most for pin in self.pins),
            self.choices.diversity_weight if diversity_weight is None else diversity_weight,
            self.choices.method,
            caps=self.caps,
            diverse=PLACES_DIVERSE,
        )
        rule = np.full(order.shape, NO_RULE, np.int16)
        if self.pins:
            order, rule = put_first(order, candidates.item, placed, self.pins, k, self.caps)
        item = taken(candidates.item, order, -1)
        score = taken(scores, order, np.nan)
        source = taken(candidates.source, order, 0)
        clicked, purchased = self._probabilities(score)
        reasons: list[list[str]] = []
        if with_reasons:
            added = None
            if self.ranker is not None:
                features = block.features
                added = contributions(self.ranker, features, order, self.builder, self._simple)
            reasons = self.explainer.explain(item, source, block.past, languages, added)
        return Ranked(
            item=item,
            score=score,
            text_score=taken(candidates.text_score, order, np.nan),
            p_click=clicked,
            p_purchase=purchased,
            p_like=taken(self.liked(block), order, np.nan),
            source=source,
            cold_item=self.is_cold[np.maximum(item, 0)] & (item >= 0),
            cold_user=(block.past.item >= 0).sum(1) < FEW_EVENTS,
            rule=rule,
            reasons=reasons,
        )

    def _probabilities(self, scores: NDArray[np.float32]) -> tuple[Float32, Float32]:
        """Of a click and of a purchase, [rows, k]; NaN where none was fitted."""
        if self.probabilities is None:
            unknown = np.full(scores.shape, np.nan, np.float32)
            return unknown, unknown
        return self.probabilities.click(scores), self.probabilities.purchase(scores)

    def liked(self, block: Block) -> Float32:
        """[rows, places], that a user likes each candidate; NaN where nothing was fitted."""
        if self.probabilities is None or self.probabilities.like is None:
            return np.full(block.candidates.item.shape, np.nan, np.float32)
        return self.probabilities.like(block.features, self.builder.names, block.past)

    def excluded(self, users: Int64, as_of: Int64) -> csr_array:
        """[rows, items], what each user did and is not to be shown again."""
        events = self.prepared.events
        begin, end = events.offsets[users], events.offsets[users + 1]
        row = np.repeat(np.arange(len(users)), end - begin)
        firsts = np.cumsum(end - begin) - (end - begin)
        place = np.arange(len(row)) - firsts[row] + begin[row]
        barred = self.choices.rules.excludes(events.behavior[place]) | (events.weight[place] == 0)
        barred &= events.time[place] < as_of[row]
        pairs = row[barred], events.item[place[barred]]
        shape = (len(users), len(self.prepared.catalogue))
        return csr_array((np.ones(len(pairs[0]), np.bool_), pairs), shape=shape)
