"""One user at a time: histories and rankings, by ids, for the server and the terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array

from apps.recommender.catalogue.items import Catalogue
from apps.recommender.catalogue.stock import LiveStock
from apps.recommender.data import Dataset
from apps.recommender.exploration.explorer import Explorer
from apps.recommender.interactions.behaviors import Behaviors
from apps.recommender.interactions.events import Histories, Int32
from apps.recommender.interactions.ratings import RatingScale
from apps.recommender.interactions.recent import RecentEvents
from apps.recommender.interactions.user_ids import UserIds
from apps.recommender.lists.rules import Rules
from apps.recommender.pipeline.block import Block
from apps.recommender.pipeline.pipeline import Pipeline
from apps.recommender.pipeline.prepared import Prepared
from apps.recommender.ranking.signals import FEATURES
from apps.recommender.related.in_rankings import RelationsInRankings
from apps.recommender.related.items import Related, RelatedItems
from apps.recommender.related.relations import Kind, Relations, read_relations
from apps.recommender.release import load_release, prepare
from apps.recommender.schema import Interaction, Language, Recommendation
from apps.recommender.sessions.known import KnownUsers
from apps.recommender.sessions.past import kept_out, number_of, with_session
from apps.recommender.slates.following import Following
from apps.recommender.slates.slate import Slates
from common.releases.release import Release
from common.rules.live import LiveRules


class RankingService:
    """A release over its data, asked about one user at a time.

    Args:
        recent: what users did since the data was read.
        rules: live, in the place of the release's.
        behaviors: what the names of behaviours stand for.
        relations: between items, as the shop names them.
        explorer: gives places to chance, if anything does.
        ratings: those of the data, by which a new one is read.
        stock: live, over what the items say.
        clock: seconds since 1970; None: dated rules and `item_ttl` do nothing.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        model_id: str,
        recent: RecentEvents | None = None,
        rules: LiveRules[Rules] | None = None,
        behaviors: Behaviors | None = None,
        relations: Relations | None = None,
        explorer: Explorer | None = None,
        ratings: RatingScale | None = None,
        stock: LiveStock | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._rules = rules
        self._prepared = pipeline.prepared
        self._related = RelatedItems(pipeline.prepared, relations)
        self._relations = RelationsInRankings(relations or Relations(), self.catalogue)
        self._following = Following(pipeline, rules, stock, self._relations, clock)
        self._slates = Slates(model_id, self.catalogue, self._relations, explorer)
        self.model_id = model_id
        self.behaviors = behaviors or Behaviors()
        self._known = KnownUsers(
            self._prepared,
            recent or RecentEvents(),
            ratings or RatingScale(),
            pipeline.choices.history,
        )
        self._following.refresh()

    @property
    def catalogue(self) -> Catalogue:
        """What can be recommended."""
        return self._prepared.catalogue

    @property
    def prepared(self) -> Prepared:
        """What is known of users, whose ids are `users`, and items."""
        return self._prepared

    @property
    def users(self) -> UserIds:
        """Those of the data."""
        return self._known.ids

    @property
    def diversity(self) -> float:
        """The strength chosen in training."""
        return self._pipeline.choices.diversity_weight

    @property
    def kept_out(self) -> dict[str, int]:
        """How many items each rule keeps out of all lists."""
        return self._pipeline.kept_out

    @property
    def _pipeline(self) -> Pipeline:
        return self._following.pipeline

    def knows(self, user_id: str) -> bool:
        """Whether anything is known of what a user did."""
        return self._known.knows(user_id)

    def history(self, user_id: str) -> list[Interaction]:
        """What a user did before the moment that is ranked for and was reported since.

        Raises:
            UserError: the user is not known.
        """
        return self._known.history(user_id)

    def recommend(
        self,
        user_id: str,
        k: int,
        *,
        diversity: float | None = None,
        language: str | None = None,
        since: Sequence[Interaction] = (),
        barred: Int32 | None = None,
    ) -> list[Recommendation]:
        """The ranking of a user, best first; reasons in `language`, or the user's own.

        Args:
            since: what they did beside what is known of them, oldest first.
            barred: numbers of items that are kept out.

        Raises:
            UserError: the user or an item is not known.
        """
        self._following.refresh()
        recent = with_session(self._known.recent_of(user_id), since)
        if recent and user_id not in self.users:
            return self.recommend_for(
                recent, k, diversity=diversity, language=language, barred=barred
            )
        number = self._known.number(user_id)
        users, as_of = np.array([number]), np.array([self._prepared.as_of])
        past = self._known.past_with(number, recent)
        done = self._pipeline.excluded(users, as_of)
        excluded = done.maximum(self._excluded(recent, barred))
        own_list = self._prepared.allowed.of_user.get(number)
        lists = None if own_list is None else [own_list]
        block = self._pipeline.look_up_after(users, past, excluded, lists)
        spoken = language or self._prepared.languages[number]
        return self._rank(user_id, block, k, spoken, diversity, past)

    def recommend_for(
        self,
        history: Sequence[Interaction],
        k: int,
        *,
        diversity: float | None = None,
        language: str | None = None,
        barred: Int32 | None = None,
    ) -> list[Recommendation]:
        """The ranking of somebody of whom nothing is known but this history, oldest first.

        Args:
            barred: numbers of items that are kept out, whatever the history.

        Raises:
            UserError: an item of it is not known.
        """
        self._following.refresh()
        past = self._known.past_of(history)
        excluded = self._excluded(history, barred)
        block = self._pipeline.look_up_after(np.zeros(1, np.int64), past, excluded)
        # The features of user 0 are those of somebody else.
        block.features[:, :, len(FEATURES) :] = np.nan
        user_id = history[0].user_id if history else ""
        return self._rank(user_id, block, k, language, diversity, past)

    def related(
        self, item_id: str, kind: Kind, k: int, language: Language | None = None
    ) -> list[Related]:
        """What is like an item, or taken together with it, best first; `RelatedItems.find`.

        Raises:
            UserError: the item is not known.
        """
        self._following.refresh()
        number, allowed = number_of(item_id, self.catalogue), self._pipeline.search.allowed
        return self._related.find(number, kind, k, allowed, language)

    def past(self, user_id: str) -> Histories:
        """What a user is ranked by, one row.

        Raises:
            UserError: the user is not known.
        """
        return self._known.past(user_id)

    def _excluded(self, history: Sequence[Interaction], barred: Int32 | None = None) -> csr_array:
        return kept_out(history, self.catalogue, self._pipeline.choices.rules, barred)

    def _rank(
        self,
        user_id: str,
        block: Block,
        k: int,
        language: str | None,
        diversity: float | None,
        done: Histories,
    ) -> list[Recommendation]:
        rows = self._slates.fill(
            self._pipeline,
            block,
            k,
            user_id=user_id,
            language=language,
            diversity=diversity,
            done=done,
        )
        if self._rules:
            self._rules.count([*self.kept_out, *(r.decided_by.rule for r in rows if r.decided_by)])
        return rows


def open_service(
    release: Release,
    dataset: Dataset,
    caches: Path,
    *,
    as_of: int | None = None,
    device: str = "auto",
    eight_bit: Path | None = None,
    recent: RecentEvents | None = None,
    rules: LiveRules[Rules] | None = None,
    relations: Path | None = None,
    explorer: Explorer | None = None,
    stock: LiveStock | None = None,
) -> RankingService:
    """Bring a release and the data together; arguments as of `model.prepare`.

    Dated rules and `item_ttl` hold as of `as_of`, or of the clock.

    Raises:
        UserError: the release ranks by signals of another version, nothing was done before
            `as_of`, or `relations` names an item that is not there.
    """
    model = load_release(release)
    moment = datetime.fromtimestamp(as_of, UTC) if as_of else None
    prepared = prepare(model, dataset, caches, as_of=as_of, device=device, eight_bit=eight_bit)
    pipeline = model.pipeline(prepared.for_a_server())
    return RankingService(
        pipeline,
        model.model_id,
        recent,
        rules,
        dataset.behaviors,
        read_relations(relations, dataset.catalogue, moment),
        explorer,
        dataset.ratings,
        stock,
        time.time if as_of is None else partial(float, as_of),
    )
