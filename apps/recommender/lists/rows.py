"""A place of a ranked list as it is handed out."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from apps.recommender.catalogue.items import Catalogue
from apps.recommender.lists.item_rules import NO_RULE
from apps.recommender.lists.ranked import Ranked
from apps.recommender.lists.reasons import read_reasons
from apps.recommender.lists.rules import Rules
from apps.recommender.retrieval.candidates import SOURCES
from apps.recommender.schema import Recommendation
from common.rules.rule import decided_by


def row_of(
    ranked: Ranked,
    place: int,
    *,
    rank: int,
    user_id: str,
    model_id: str,
    now: datetime,
    catalogue: Catalogue,
    rules: Rules,
    language: str | None,
    propensity: float | None = None,
    explored: bool = False,
    explored_price: float | None = None,
) -> Recommendation:
    """One place of the first list of `ranked`, shown at `rank`."""
    number = int(ranked.rule[0, place])
    category = catalogue.category[ranked.item[0, place]]
    named = [catalogue.categories[category]] if category >= 0 else []
    return Recommendation(
        user_id=user_id,
        item_id=catalogue.ids[ranked.item[0, place]],
        rank=rank,
        score=float(ranked.score[0, place]),
        text_score=float(ranked.text_score[0, place]),
        p_click=_known(ranked.p_click[0, place]),
        p_purchase=_known(ranked.p_purchase[0, place]),
        p_like=_known(ranked.p_like[0, place]),
        source=SOURCES[ranked.source[0, place]],
        cold_user=bool(ranked.cold_user[0]),
        cold_item=bool(ranked.cold_item[0, place]),
        reasons=read_reasons(ranked.reasons[0][place]),
        decided_by=None if number == NO_RULE else decided_by([rules.rule[number]]),
        shown_as=rules.shown_as(named, language),
        propensity=propensity,
        explored=explored,
        explored_price=explored_price,
        model_id=model_id,
        scored_at=now,
    )


def _known(probability: np.float32) -> float | None:
    return None if np.isnan(probability) else float(probability)
