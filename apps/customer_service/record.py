"""What a release of customer service records: its data, its settings, what it reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from apps.customer_service import evaluate
from apps.customer_service.data import Dataset
from apps.customer_service.evaluate import Outcome
from common.models.encoder import Encoder
from common.models.sources.bundled import Source
from common.releases.record import of_training
from common.tuning.finetune import Tuned
from common.tuning.settings import Settings

APPLICATION = "customer_service"


def manifest(
    dataset: Dataset,
    settings: Settings,
    source: Source,
    tuned: Tuned[Encoder],
    before: Sequence[Outcome],
    after: Sequence[Outcome],
) -> dict[str, Any]:
    """What a release says about itself."""
    splits = dataset.splits
    counts: Mapping[str, int] = {
        "faqs": len(dataset.faqs),
        "train": len(splits.train),
        "validation": len(splits.validation),
        "test": len(splits.test),
    }
    return {
        **of_training(APPLICATION, dataset.languages, settings, source, tuned),
        "data": {"sha256": dataset.hashes, "counts": counts},
        "measured_on": "test" if splits.test else "validation",
        "before": evaluate.summarise(before),
        "after": evaluate.summarise(after),
    }
