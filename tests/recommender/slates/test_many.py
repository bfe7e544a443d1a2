"""The lists of all users at once are those that a server gives to one."""

from __future__ import annotations

import numpy as np
from test_service import USERS, _pipeline

from apps.recommender.lists.reasons import read_reasons
from apps.recommender.related.in_rankings import RelationsInRankings
from apps.recommender.related.relations import Relations
from apps.recommender.service import RankingService
from apps.recommender.slates.many import rank_related

# Ada bought the first; the second stands far below, and needs the third.
ROWS = [(12, 50, "accessory"), (50, 51, "requires"), (1, 22, "successor")]


def test_relations_decide_the_same_places_and_reasons() -> None:
    pipeline, relations = _pipeline(), Relations(ROWS)
    service = RankingService(pipeline, "m", relations=relations)
    catalogue, as_of = pipeline.prepared.catalogue, pipeline.prepared.as_of
    kept = RelationsInRankings(relations, catalogue)
    users = np.arange(len(USERS))
    ranked = rank_related(service._pipeline, users, np.full(len(users), as_of), 8, kept)
    for number, user in enumerate(USERS):
        rows = service.recommend(user, 8)
        items = [catalogue.ids[item] for item in ranked.item[number].tolist() if item >= 0]
        assert items == [row.item_id for row in rows]
        reasons = [read_reasons(text) for text in ranked.reasons[number]]
        assert [[one.text for one in found] for found in reasons] == [
            [one.text for one in row.reasons] for row in rows
        ]
        scores = [row.score for row in rows]
        assert ranked.score[number, : len(rows)].tolist() == scores
    assert catalogue.ids[ranked.item[0, 7]] == "i50", "the place of the accessory"
    told = [one.relation for one in read_reasons(ranked.reasons[0][7])]
    assert (told[0], told[-1]) == ("accessory", "requires")
    assert "i1" not in [catalogue.ids[item] for item in ranked.item[1].tolist() if item >= 0]
