"""One ranking that is wanted, of a known user or of what was just done, and how it is made."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from apps.recommender.catalogue.items import Catalogue
from apps.recommender.interactions.behaviors import Behaviors
from apps.recommender.interactions.user_ids import UserIds
from apps.recommender.schema import Interaction, Listed, Ranking, Recommendation
from apps.recommender.sessions.memory import Shown

Int32 = NDArray[np.int32]
NOTHING = np.empty(0, np.int32)


class Recommender(Protocol):
    """A loaded release and the data that it ranks."""

    @property
    def model_id(self) -> str: ...  # noqa: D102
    @property
    def catalogue(self) -> Catalogue: ...  # noqa: D102
    @property
    def users(self) -> UserIds: ...  # noqa: D102
    @property
    def behaviors(self) -> Behaviors:
        """What the names of behaviours stand for."""

    @property
    def diversity(self) -> float:
        """The strength chosen in training."""

    @property
    def kept_out(self) -> dict[str, int]:
        """How many items each rule keeps out of all lists."""

    def knows(self, user_id: str) -> bool:
        """Whether anything is known of what a user did."""

    def history(self, user_id: str) -> Sequence[Interaction]:
        """What a user did, oldest first."""

    def recommend(
        self,
        user_id: str,
        k: int,
        *,
        diversity: float | None,
        language: str | None,
        since: Sequence[Interaction],
        barred: Int32,
    ) -> list[Recommendation]:
        """The ranking of a user, best first; reasons in `language`, or the user's own.

        Args:
            since: what they did beside what is known of them, oldest first.
            barred: numbers of items that are kept out.
        """

    def recommend_for(
        self,
        history: Sequence[Interaction],
        k: int,
        *,
        diversity: float | None,
        language: str | None,
        barred: Int32,
    ) -> list[Recommendation]:
        """The ranking of somebody who did what `history` holds, and nothing else.

        Args:
            barred: numbers of items that are kept out.
        """


@dataclass(frozen=True)
class Session:
    """A session, and what was recommended to it and its like."""

    session_id: str
    shown: Shown


@dataclass(frozen=True)
class Asked:
    """One ranking that is wanted, made by the release that served when it was asked for.

    Attributes:
        done: what was just done, oldest first; behind all that is known of the user, if
            `is_known`, else the whole of what is gone by.
    """

    recommender: Recommender
    user_id: str
    is_known: bool
    done: Sequence[Interaction]
    k: int
    diversity: float | None
    language: str | None
    barred: Int32 = field(default_factory=lambda: NOTHING)
    session: Session | None = None
    unknown_items: Sequence[str] = ()


def rank(asked: Asked) -> Ranking:
    """The ranking, with what a page shows of each item."""
    recommender = asked.recommender
    tuned = recommender.diversity
    return Ranking(
        user_id=asked.user_id,
        session_id=asked.session.session_id if asked.session else None,
        model_id=recommender.model_id,
        diversity=tuned if asked.diversity is None else asked.diversity,
        tuned_diversity=tuned,
        kept_out=recommender.kept_out,
        unknown_items=list(asked.unknown_items),
        items=[
            Listed(**vars(row), **facts_of(recommender.catalogue, row.item_id))
            for row in _rows(asked)
        ],
    )


def facts_of(catalogue: Catalogue, item_id: str) -> dict[str, Any]:
    """What a page shows of an item; None of one that is gone."""
    number = catalogue.number.get(item_id)
    if number is None:
        return {"title": None, "category": None, "price": None}
    category, price = catalogue.category[number], float(catalogue.price[number])
    return {
        "title": catalogue.titles[number],
        "category": catalogue.categories[category] if category >= 0 else None,
        "price": None if math.isnan(price) else round(price, 2),
    }


def _rows(asked: Asked) -> list[Recommendation]:
    if asked.session is None:
        return _without(asked, asked.barred)
    shown, session_id = asked.session.shown, asked.session.session_id
    numbers = asked.recommender.catalogue.number
    before = [numbers[one] for one in shown.of(session_id) if one in numbers]
    rows = _without(asked, np.union1d(asked.barred, before).astype(np.int32))
    if before and len(rows) < asked.k:
        # All that suits was shown: rather again than nothing.
        shown.forget(session_id)
        rows = _without(asked, asked.barred)
    shown.add(session_id, [row.item_id for row in rows])
    return rows


def _without(asked: Asked, barred: Int32) -> list[Recommendation]:
    recommender, spoken = asked.recommender, asked.language
    if asked.is_known:
        return recommender.recommend(
            asked.user_id,
            asked.k,
            diversity=asked.diversity,
            language=spoken,
            since=asked.done,
            barred=barred,
        )
    return recommender.recommend_for(
        asked.done, asked.k, diversity=asked.diversity, language=spoken, barred=barred
    )
