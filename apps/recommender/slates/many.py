"""Lists of many users at once, with what the shop's relations put into them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from apps.recommender.interactions.events import Int32, Int64, histories
from apps.recommender.lists.item_rules import NO_RULE
from apps.recommender.lists.ranked import Ranked, joined
from apps.recommender.lists.reasons import read_reasons, write_reasons
from apps.recommender.pipeline.block import taken
from apps.recommender.pipeline.pipeline import Pipeline
from apps.recommender.related.in_rankings import Past, RelationsInRankings, past_of


def rank_related(
    pipeline: Pipeline,
    users: Int64,
    as_of: Int64,
    k: int,
    relations: RelationsInRankings,
    diversity_weight: float | None = None,
) -> Ranked:
    """As `Pipeline.rank`, with places and reasons as relations give them to one user.

    Whoever has no complement to be found is ranked no deeper than without relations.
    """
    past = histories(pipeline.prepared.events, users, as_of, pipeline.choices.history)
    did = [past_of(past, row) for row in range(len(users))]
    depths = np.array([relations.depth(k, one) for one in did])
    pieces, rows = [], []
    for depth in np.unique(depths).tolist():
        part = np.flatnonzero(depths == depth)
        ranked = pipeline.rank(users[part], as_of[part], depth, diversity_weight=diversity_weight)
        spoken = [pipeline.prepared.languages[user] for user in users[part].tolist()]
        pieces.append(_related(ranked, k, relations, [did[row] for row in part], spoken))
        rows.append(part)
    return joined(pieces, np.argsort(np.concatenate(rows)))


def _related(
    ranked: Ranked,
    k: int,
    relations: RelationsInRankings,
    did: Sequence[Past],
    languages: Sequence[str | None],
) -> Ranked:
    order: Int32 = np.full((len(did), k), -1, np.int32)
    reasons: list[list[str]] = []
    for row, (past, language) in enumerate(zip(did, languages, strict=True)):
        items = ranked.item[row].tolist()
        ruled = np.flatnonzero(ranked.rule[row] != NO_RULE).tolist()
        places = relations.places(items, k, past, ruled)
        order[row, : len(places)] = places
        reasons.append([])
        for place in places:
            text = ranked.reasons[row][place]
            first, last = relations.reasons(items[place], past, language)
            if first or last:
                text = write_reasons([*first, *read_reasons(text), *last])
            reasons[-1].append(text)
    return Ranked(
        item=taken(ranked.item, order, -1),
        score=taken(ranked.score, order, np.nan),
        text_score=taken(ranked.text_score, order, np.nan),
        p_click=taken(ranked.p_click, order, np.nan),
        p_purchase=taken(ranked.p_purchase, order, np.nan),
        p_like=taken(ranked.p_like, order, np.nan),
        source=taken(ranked.source, order, 0),
        cold_item=taken(ranked.cold_item, order, 0),
        cold_user=ranked.cold_user,
        rule=taken(ranked.rule, order, NO_RULE),
        reasons=reasons,
    )
