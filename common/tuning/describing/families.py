"""All settings, by families: what each is, what it is by default, and what it needs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from common.tuning.adapting.settings import AdaptingSettings
from common.tuning.augmentation.settings import AugmentationSettings
from common.tuning.computing.settings import ComputingSettings
from common.tuning.continual.settings import ContinualSettings
from common.tuning.describing.needs import NEEDS
from common.tuning.distillation.settings import DistillationSettings
from common.tuning.privacy.settings import PrivacySettings
from common.tuning.regularising.settings import RegularisingSettings
from common.tuning.settings import Settings

FAMILIES: Mapping[str, Collection[str]] = {
    "How much learns": AdaptingSettings.model_fields,
    "Steps and rates": (
        *("epochs", "batch_size", "accumulation", "optimizer"),
        *("learning_rate", "head_learning_rate", "layer_decay", "schedule", "warmup"),
        *("gradient_clipping", "group_by_length"),
    ),
    "Which epoch is kept": ("monitor", "evaluate_every", "patience"),
    "What keeps it from learning by heart": (
        *("dropout", "weight_decay", "label_smoothing"),
        *RegularisingSettings.model_fields,
    ),
    "Classes of unequal size": ("class_weights", "logit_adjustment", "focal"),
    "Texts read in other ways": AugmentationSettings.model_fields,
    "Few labels": (
        *("label_names", "contrastive_epochs", "contrastive_pairs"),
        *("pseudo_label_confidence", "pair_weight"),
    ),
    "New labels on what was learned": ContinualSettings.model_fields,
    "Teachers, and several models in one": DistillationSettings.model_fields,
    "Privacy": PrivacySettings.model_fields,
    "Memory and time": ComputingSettings.model_fields,
    "The run": ("precision", "device", "seed", "tracking"),
}

STRATEGIES: Mapping[str, str] = {
    "full": "everything learns",
    "top-layers:N": "the upper N layers and the heads learn",
    "head": "the heads alone learn: seconds, for a first look",
    "lora": "low-rank products beside each linear layer: less memory, folded in afterwards",
    "adalora": "the same, with ranks moved to the layers where they matter",
    "ia3": "a factor for each key, value and hidden unit: fewest of all",
    "adapter": "a small network after each block, kept beside the weights",
    "prompt": "vectors before the text: for causal models, weak on small encoders",
    "prefix": "vectors before each layer's keys and values: likewise",
}


@dataclass(frozen=True)
class Described:
    """A setting as a person reads of it.

    Attributes:
        default: an application's own, where it has one.
        needs: what must be chosen beside it; empty: nothing.
    """

    name: str
    family: str
    default: bool | int | float | str | None
    text: str
    needs: str


def described(defaults: Mapping[str, Any], without: Collection[str] = ()) -> Iterator[Described]:
    """Each setting, family by family.

    Args:
        defaults: an application's own, where they differ from those of `Settings`.
        without: settings that an application has no use for.
    """
    for family, names in FAMILIES.items():
        for name in names:
            if name in without:
                continue
            field, need = Settings.model_fields[name], NEEDS.get(name)
            yield Described(
                name=name,
                family=family,
                default=defaults.get(name, field.default),
                text=field.description or "",
                needs=need.text if need else "",
            )
