"""The audit of a release: does anything after the cutoff reach what it computes?"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from apps.recommender.comparison.audit import Computed, LeakAudit, by_feature, leak_audit
from apps.recommender.data import Dataset
from apps.recommender.interactions.events import Events
from apps.recommender.pipeline.prepared import Prepared
from apps.recommender.release import Model, item_vectors_of
from apps.recommender.retrieval.neighbours import learn_neighbours

# Enough to meet every feature; all of them would take as long as a scoring run, four times.
USERS_AUDITED = 500


def audit_release(
    model: Model, dataset: Dataset, cutoff: int, caches: Path, *, device: str = "auto"
) -> LeakAudit:
    """Compute features and scores as of `cutoff` with the true future and with shuffled ones.

    Everything is given all events, later ones too: it is the computing that has to leave them out.

    Args:
        caches: directory of vector caches, one an encoder.
    """
    items = item_vectors_of(model, dataset.catalogue, caches, device=device)
    earlier = np.flatnonzero(dataset.events.before(cutoff).counts())
    users = np.random.default_rng(0).permutation(earlier)[:USERS_AUDITED]
    users = np.sort(users).astype(np.int64)

    def compute(events: Events) -> Computed:
        prepared = Prepared(
            catalogue=dataset.catalogue,
            items=items,
            user_ids=dataset.user_ids,
            languages=dataset.languages,
            events=events,
            features=dataset.features,
            allowed=dataset.allowed,
            neighbours=learn_neighbours(events.before(cutoff), dataset.catalogue),
            as_of=cutoff,
        )
        pipeline = model.pipeline(prepared)
        block = pipeline.look_up(users, np.full(len(users), cutoff))
        features = by_feature(block.features, pipeline.builder.names)
        return {
            "candidates": block.candidates.item,
            **{f"feature {name}": values for name, values in features.items()},
            "score": pipeline.scores(block),
            "order": pipeline.placed(pipeline.scores(block), block),
        }

    return leak_audit(compute, dataset.events, cutoff)
