"""What a release of the recommender records: its data, its settings, what it reached."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np

from apps.recommender.comparison.comparison import FULL, Comparison
from apps.recommender.data import Dataset
from apps.recommender.interactions.timeline import Timeline, Window, iso
from apps.recommender.pipeline.second_stage import SecondStage
from common.models.encoder import Encoder
from common.models.sources.bundled import Source
from common.releases.record import of_training
from common.tuning.finetune import Tuned
from common.tuning.settings import Settings

APPLICATION = "recommender"


def manifest(
    dataset: Dataset,
    timeline: Timeline,
    settings: Settings,
    source: Source,
    tuned: Tuned[Encoder],
    stage: SecondStage,
    comparison: Comparison,
    max_ndcg_loss: float,
) -> dict[str, Any]:
    """What a release says about itself."""
    metrics = comparison.metrics
    return {
        **of_training(APPLICATION, dataset.catalogue.spoken, settings, source, tuned),
        "data": facts(dataset, timeline),
        "features": stage.features,
        "diversity": {"method": stage.choices.method, "strength": stage.choices.diversity_weight},
        "towers": of_towers(dataset, timeline),
        "max_ndcg_loss": max_ndcg_loss,
        "simple": stage.judgement.to_json(),
        "measured_on": "test",
        "before": metrics[comparison.before.name],
        "after": metrics[FULL],
        "methods": metrics,
        "shown": comparison.shown,
    }


def facts(dataset: Dataset, timeline: Timeline) -> dict[str, Any]:
    """Of what data a release was made, and where its stretches of time begin."""
    return {
        "sha256": dataset.hashes,
        "behaviors": dict(dataset.behaviors.own),
        "counts": {
            "items": len(dataset.catalogue),
            "users": len(dataset.user_ids),
            "events": len(dataset.events),
            "test_users": len(timeline.test.queries),
        },
        "begins": {
            "ranker": _begin(timeline.ranker),
            "calibration": _begin(timeline.calibration),
            "test": _begin(timeline.test),
        },
        # Of some user; with `leave-one-out` the test begins at another moment for each.
        "learned_to": iso(float(timeline.test.queries.training_before.max())),
        "ends": iso(float(dataset.events.time.max())),
    }


def of_towers(dataset: Dataset, timeline: Timeline) -> dict[str, str | None]:
    """When the towers learned.

    Returns:
        `known`: the last event that there was; `before`: they learned from what is earlier; None
        where that is another moment for each user.
    """
    bounds = np.unique(timeline.ranker.queries.training_before)
    return {
        "known": iso(float(dataset.events.time.max())),
        "before": iso(float(bounds[0])) if len(bounds) == 1 else None,
    }


def flattering(data: Mapping[str, Any], cutoff: int) -> str | None:
    """That a release learned from what it is measured on, for a person; None: it did not.

    Args:
        data: as `facts` gave it.
        cutoff: seconds since 1970, where what is measured on begins.
    """
    learned_to = data.get("learned_to", data["begins"]["test"])
    if cutoff >= datetime.fromisoformat(learned_to).timestamp():
        return None
    return (
        f"The release learned from interactions up to {learned_to}, and is measured on what came "
        f"after {iso(cutoff)}: its figures flatter it"
    )


def _begin(window: Window) -> str:
    return iso(float(window.queries.training_before.min()))
