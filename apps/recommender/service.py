"""One user at a time: histories and rankings, by ids, for the server and the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array

from apps.recommender.catalogue.items import Catalogue
from apps.recommender.data import Dataset
from apps.recommender.interactions.events import Histories, histories
from apps.recommender.interactions.recent import RecentEvents
from apps.recommender.interactions.user_ids import UserIds
from apps.recommender.lists.item_rules import NO_RULE
from apps.recommender.lists.ranked import Ranked
from apps.recommender.lists.reasons import read_reasons
from apps.recommender.lists.rules import Rules
from apps.recommender.pipeline.pipeline import Block, Pipeline
from apps.recommender.pipeline.prepared import Prepared
from apps.recommender.ranking.signals import FEATURES
from apps.recommender.release import load_release, prepare
from apps.recommender.retrieval.candidates import SOURCES
from apps.recommender.schema import BEHAVIORS, Interaction, Recommendation
from common.console import say
from common.errors import UserError
from common.releases.release import Release
from common.rules.live import LiveRules
from common.rules.rule import decided_by


class RankingService:
    """A release over its data, asked about one user at a time.

    Attributes:
        users: ids of all users that the data knows.

    Args:
        recent: what users did since the data was read.
        rules: live, in the place of the release's.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        model_id: str,
        recent: RecentEvents | None = None,
        rules: LiveRules[Rules] | None = None,
    ) -> None:
        self._pipeline = pipeline
        self._rules = rules
        self._recent = recent or RecentEvents()
        self._prepared = pipeline.prepared
        self.model_id = model_id
        self.users = UserIds(self._prepared.user_ids)
        self._follow_rules()

    @property
    def catalogue(self) -> Catalogue:
        """What can be recommended."""
        return self._prepared.catalogue

    @property
    def prepared(self) -> Prepared:
        """What is known of users and items."""
        return self._prepared

    @property
    def diversity(self) -> float:
        """The strength chosen in training."""
        return self._pipeline.choices.diversity_weight

    @property
    def kept_out(self) -> dict[str, int]:
        """How many items each rule keeps out of all lists."""
        return self._pipeline.kept_out

    def _follow_rules(self) -> None:
        """Rank by the rules as they are now."""
        rules = self._rules.current if self._rules else None
        if rules is not None and rules is not self._pipeline.choices.rules:
            self._pipeline = self._pipeline.with_rules(rules)
            for line in rules.without_effect(self.catalogue):
                say(line)

    def knows(self, user_id: str) -> bool:
        """Whether anything is known of what a user did."""
        return user_id in self.users or bool(self._recent_of(user_id))

    def history(self, user_id: str) -> list[Interaction]:
        """What a user did before the moment that is ranked for and was reported since.

        Raises:
            UserError: the user is not known.
        """
        recent = self._recent_of(user_id)
        known = self._read_history(user_id) if not recent or user_id in self.users else []
        return [*known, *recent]

    def _read_history(self, user_id: str) -> list[Interaction]:
        events, ids = self._prepared.events, self.catalogue.ids
        mine = events.of(self._number(user_id))
        columns = (events.item[mine], events.behavior[mine], events.time[mine])
        return [
            Interaction(
                user_id=user_id,
                item_id=ids[item],
                behavior=BEHAVIORS[behavior],
                timestamp=datetime.fromtimestamp(time, UTC),
            )
            for item, behavior, time in zip(*(c.tolist() for c in columns), strict=True)
            if time < self._prepared.as_of
        ]

    def recommend(
        self,
        user_id: str,
        k: int,
        *,
        diversity: float | None = None,
        language: str | None = None,
    ) -> list[Recommendation]:
        """The ranking of a user, best first; reasons in `language`, or the user's own.

        Raises:
            UserError: the user is not known.
        """
        self._follow_rules()
        recent = self._recent_of(user_id)
        if recent and user_id not in self.users:
            return self.recommend_for(recent, k, diversity=diversity, language=language)
        number = self._number(user_id)
        own_lists = number in self._prepared.allowed.of_user
        users, as_of = np.array([number]), np.array([self._prepared.as_of])
        if recent:
            past = self._with_recent(number, recent)
            excluded = self._pipeline.excluded(users, as_of).maximum(self._excluded(recent))
            lists = [self._prepared.allowed.of_user[number]] if own_lists else None
            block = self._pipeline.look_up_after(users, past, excluded, lists)
        else:
            block = self._pipeline.look_up(users, as_of, own_lists=own_lists)
        spoken = language or self._prepared.languages[number]
        return self._rank(user_id, block, k, spoken, diversity)

    def recommend_for(
        self,
        history: Sequence[Interaction],
        k: int,
        *,
        diversity: float | None = None,
        language: str | None = None,
    ) -> list[Recommendation]:
        """The ranking of somebody of whom nothing is known but this history, oldest first.

        Raises:
            UserError: an item of it is not known.
        """
        self._follow_rules()
        past = self._past(history)
        excluded = self._excluded(history)
        block = self._pipeline.look_up_after(np.zeros(1, np.int64), past, excluded)
        # The features of user 0 are those of somebody else.
        block.features[:, :, len(FEATURES) :] = np.nan
        user_id = history[0].user_id if history else ""
        return self._rank(user_id, block, k, language, diversity)

    def past(self, user_id: str) -> Histories:
        """What a user is ranked by, one row.

        Raises:
            UserError: the user is not known.
        """
        recent = self._recent_of(user_id)
        if recent and user_id not in self.users:
            return self._past(recent)
        number = self._number(user_id)
        if recent:
            return self._with_recent(number, recent)
        users, as_of = np.array([number]), np.array([self._prepared.as_of])
        return histories(self._prepared.events, users, as_of, self._pipeline.choices.history)

    def _recent_of(self, user_id: str) -> list[Interaction]:
        """What was reported of a user, and is not in the data that was read."""
        found = [e for e in self._recent.of(user_id) if e.item_id in self.catalogue.number]
        if not found or user_id not in self.users:
            return found
        events, mine = self._prepared.events, self._prepared.events.of(self._number(user_id))
        columns = (events.item[mine], events.behavior[mine], events.time[mine])
        read = set(zip(*(column.tolist() for column in columns), strict=True))
        return [event for event in found if self._as_row(event) not in read]

    def _as_row(self, event: Interaction) -> tuple[int, int, int]:
        time = int(event.timestamp.timestamp())
        return self._item(event.item_id), BEHAVIORS.index(event.behavior), time

    def _with_recent(self, number: int, recent: Sequence[Interaction]) -> Histories:
        """The history of a user with what was reported since at its end.

        What was rated is left out: whether it was liked, the data says when it is read next.
        """
        liked = [event for event in recent if event.rating is None]
        new, length = self._past(liked), self._pipeline.choices.history
        old = histories(self._prepared.events, np.array([number]), new.as_of, length)
        count = min(len(liked), length)
        joined = {
            name: np.concatenate(
                [getattr(old, name)[:, count:], getattr(new, name)[:, length - count :]], 1
            )
            for name in ("item", "behavior", "time", "weight")
        }
        return Histories(**joined, as_of=new.as_of)

    def _number(self, user_id: str) -> int:
        if user_id not in self.users:
            raise UserError(f"there is no user {user_id!r}")
        return self.users.number[user_id]

    def _item(self, item_id: str) -> int:
        if item_id not in self.catalogue.number:
            raise UserError(f"there is no item {item_id!r}")
        return self.catalogue.number[item_id]

    def _past(self, history: Sequence[Interaction]) -> Histories:
        length = self._pipeline.choices.history
        latest = history[-length:]
        at = slice(length - len(latest), length)
        past = Histories(
            item=np.full((1, length), -1, np.int32),
            behavior=np.zeros((1, length), np.int8),
            time=np.zeros((1, length), np.int64),
            weight=np.zeros((1, length), np.float32),
            as_of=np.array([self._prepared.as_of]),
        )
        past.item[0, at] = [self._item(event.item_id) for event in latest]
        past.behavior[0, at] = [BEHAVIORS.index(event.behavior) for event in latest]
        past.time[0, at] = [int(event.timestamp.timestamp()) for event in latest]
        past.weight[0, at] = [event.weight for event in latest]
        moment = max(self._prepared.as_of, int(past.time.max(initial=0)) + 1)
        return replace(past, as_of=np.array([moment]))

    def _excluded(self, history: Sequence[Interaction]) -> csr_array:
        """[1, items], what is not to be shown again."""
        behavior = np.array([BEHAVIORS.index(event.behavior) for event in history], np.int8)
        item = np.array([self._item(event.item_id) for event in history], np.int32)
        item = np.unique(item[self._pipeline.choices.rules.excludes(behavior)])
        row = np.zeros(len(item), np.int32)
        shape = (1, len(self.catalogue))
        return csr_array((np.ones(len(item), np.bool_), (row, item)), shape=shape)

    def _rank(
        self, user_id: str, block: Block, k: int, language: str | None, diversity: float | None
    ) -> list[Recommendation]:
        ranked = self._pipeline.rank_block(block, k, [language], diversity)
        now = datetime.now(UTC)
        places = np.flatnonzero(ranked.item[0] >= 0)
        rows = [self._row(user_id, ranked, place, now, language) for place in places.tolist()]
        if self._rules:
            self._rules.count([*self.kept_out, *(r.decided_by.rule for r in rows if r.decided_by)])
        return rows

    def _row(
        self, user_id: str, ranked: Ranked, place: int, now: datetime, language: str | None
    ) -> Recommendation:
        rules, number = self._pipeline.choices.rules, int(ranked.rule[0, place])
        category = self.catalogue.category[ranked.item[0, place]]
        named = [self.catalogue.categories[category]] if category >= 0 else []
        return Recommendation(
            user_id=user_id,
            item_id=self.catalogue.ids[ranked.item[0, place]],
            rank=place + 1,
            score=float(ranked.score[0, place]),
            text_score=float(ranked.text_score[0, place]),
            p_click=_known(ranked.p_click[0, place]),
            p_purchase=_known(ranked.p_purchase[0, place]),
            source=SOURCES[ranked.source[0, place]],
            cold_user=bool(ranked.cold_user[0]),
            cold_item=bool(ranked.cold_item[0, place]),
            reasons=read_reasons(ranked.reasons[0][place]),
            decided_by=None if number == NO_RULE else decided_by([rules.rule[number]]),
            shown_as=rules.shown_as(named, language),
            model_id=self.model_id,
            scored_at=now,
        )


def _known(probability: np.float32) -> float | None:
    return None if np.isnan(probability) else float(probability)


def open_service(
    release: Release,
    dataset: Dataset,
    caches: Path,
    *,
    as_of: int | None = None,
    device: str = "auto",
    recent: RecentEvents | None = None,
    rules: LiveRules[Rules] | None = None,
) -> RankingService:
    """Bring a release and the data together; arguments as of `model.prepare`.

    Raises:
        UserError: the users have other columns than in training, or nothing was done before
            `as_of`.
    """
    model = load_release(release)
    prepared = prepare(model, dataset, caches, as_of=as_of, device=device)
    return RankingService(model.pipeline(prepared), model.model_id, recent, rules)
