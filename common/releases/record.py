"""What every release records in its manifest of how it was trained."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from common.models.sources.bundled import Source
from common.releases.release import Release
from common.tuning.continual.forgetting import Forgetting
from common.tuning.finetune import Tuned
from common.tuning.settings import Settings


def of_training(
    application: str,
    languages: Collection[str],
    settings: Settings,
    source: Source,
    tuned: Tuned[Any],
) -> dict[str, Any]:
    """By whom, of what, with which settings, and at what cost."""
    return {
        "application": application,
        "base_model": source.name,
        "languages": sorted(languages),
        "settings": settings.model_dump(),
        "seconds": round(tuned.seconds, 1),
        "trained_parameters": tuned.trained_parameters,
        "precision": tuned.precision,
        "device": tuned.device,
        "label_names_learned": tuned.names_learned,
    }


def of_descent(
    parent: Release, settings: Settings, forgetting: Sequence[Forgetting]
) -> dict[str, Any]:
    """The parent, and all that were trained from each other, first to last."""
    earlier: list[str] = parent.manifest.get("trained_from", [])
    return {
        "parent": parent.release_id,
        "trained_from": [*earlier, parent.release_id],
        "continual": {
            "mechanisms": settings.mechanisms,
            **{one.what: one.to_json() for one in forgetting},
        },
    }
