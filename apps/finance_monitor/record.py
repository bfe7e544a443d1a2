"""What a release of the finance monitor records: its data, its settings, what it reached."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from apps.finance_monitor import evaluate
from apps.finance_monitor.data import Dataset
from apps.finance_monitor.evaluate import Outcome
from common.models.encoder import Encoder
from common.models.sources.bundled import Source
from common.releases.record import of_training
from common.tuning.finetune import Tuned
from common.tuning.settings import Settings

APPLICATION = "finance_monitor"


def manifest(
    dataset: Dataset,
    settings: Settings,
    source: Source,
    tuned: Tuned[Encoder],
    before: Sequence[Outcome],
    after: Sequence[Outcome],
) -> dict[str, Any]:
    """For `manifest.json`; more is added to it where there is more to tell."""
    splits = dataset.splits
    return {
        **of_training(APPLICATION, dataset.languages, settings, source, tuned),
        "topics": dataset.topics,
        "data": {
            "sha256": dataset.hashes,
            "counts": {
                "train": len(splits.train),
                "validation": len(splits.validation),
                "test": len(splits.test),
                "pairs": len(dataset.pairs),
            },
        },
        "measured_on": "test" if splits.test else "validation",
        "before": evaluate.summarise(before),
        "after": evaluate.summarise(after),
    }
