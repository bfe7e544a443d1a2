"""The batch job's pure function: the rows of one shard of users."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from apps.recommender.job.shards import SCHEMA, Shard
from apps.recommender.lists.circumstances import Circumstances
from apps.recommender.lists.item_rules import NO_RULE
from apps.recommender.lists.ranked import Ranked
from apps.recommender.lists.rules import Rules
from apps.recommender.pipeline.pipeline import Pipeline
from apps.recommender.pipeline.prepared import Prepared, open_prepared
from apps.recommender.related.in_rankings import RelationsInRankings
from apps.recommender.related.relations import Relations
from apps.recommender.release import load_release
from apps.recommender.retrieval.candidates import SOURCES
from apps.recommender.slates.many import rank_related
from common.files import read_json, write_json
from common.releases.release import open_release

if TYPE_CHECKING:
    import pyarrow as pa

RELATIONS = "relations.json"


@dataclass(frozen=True)
class ShardScorer:
    """Scores shards of users with a release over prepared inputs; it travels to any process.

    Attributes:
        release, prepared: directories; both are opened once a process, vectors are mapped.
        k: items a user.
        strength: of diversity; None: as chosen in training.
        rules: of lists; None: those of the release.

    What `write_relations` left in `prepared` is kept to.
    """

    release: Path
    prepared: Path
    k: int
    diversity_weight: float | None = None
    rules: Rules | None = None

    def __call__(self, shard: Shard) -> pa.Table:
        """The rows of all users of `shard`, by user and rank: a table of `shards.SCHEMA`."""
        pipeline, model_id, relations = _open(self.release, self.prepared, self.rules)
        users = np.arange(shard.start, shard.stop, dtype=np.int64)
        as_of = np.full(len(users), pipeline.prepared.as_of, np.int64)
        if relations:
            ranked = rank_related(pipeline, users, as_of, self.k, relations, self.diversity_weight)
        else:
            ranked = pipeline.rank(users, as_of, self.k, diversity_weight=self.diversity_weight)
        rules = [rule.name for rule in pipeline.choices.rules.rule]
        return _table(ranked, users, pipeline.prepared, model_id, rules)


@cache
def _open(
    release: Path, prepared: Path, rules: Rules | None
) -> tuple[Pipeline, str, RelationsInRankings]:
    # The process that plans the job has verified the release.
    model = load_release(open_release(release, verify=False))
    if rules is None:
        rules = model.choices.rules
    model = replace(model, choices=replace(model.choices, rules=rules))
    found = open_prepared(prepared, with_texts=rules.reads_texts)
    rows = read_json(prepared / RELATIONS) if (prepared / RELATIONS).exists() else ()
    relations = RelationsInRankings(Relations(rows), found.catalogue)
    now = Circumstances(
        found.as_of, giving_way=partial(relations.giving_way, rules, at=found.as_of)
    )
    return model.pipeline(found).with_rules(rules, now), model.model_id, relations


def write_relations(prepared: Path, relations: Relations) -> None:
    """Leave them where every worker finds them."""
    write_json(prepared / RELATIONS, relations.rows)


def _table(
    ranked: Ranked, users: Any, prepared: Prepared, model_id: str, rules: Sequence[str]
) -> pa.Table:
    import pyarrow as pa

    row, place = np.nonzero(ranked.item >= 0)
    item = ranked.item[row, place]
    names = np.array(SOURCES)
    columns = {
        "user_id": [prepared.user_ids[user] for user in users[row].tolist()],
        "item_id": [prepared.catalogue.ids[number] for number in item.tolist()],
        "rank": place + 1,
        "score": ranked.score[row, place],
        "text_score": ranked.text_score[row, place],
        "p_click": ranked.p_click[row, place],
        "p_purchase": ranked.p_purchase[row, place],
        "p_like": ranked.p_like[row, place],
        "source": names[ranked.source[row, place]].tolist(),
        "cold_user": ranked.cold_user[row],
        "cold_item": ranked.cold_item[row, place],
        "reasons": [text for texts in ranked.reasons for text in texts],
        "rule": [rules[n] if n != NO_RULE else None for n in ranked.rule[row, place].tolist()],
        "model_id": [model_id] * len(row),
        "scored_at": [datetime.fromtimestamp(prepared.as_of, UTC)] * len(row),
    }
    # What is not known is null, and no number.
    arrays = [pa.array(columns[field.name], field.type, from_pandas=True) for field in SCHEMA]
    return pa.Table.from_arrays(arrays, schema=SCHEMA)
