"""From the settings to what is added to the loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from common.models.encoder import Encoder
from common.tuning.continual.distillation import OldResponses
from common.tuning.continual.ewc import ElasticWeights
from common.tuning.settings import Settings
from common.tuning.task import EncoderModule, LossTerm


def continual_terms(
    settings: Settings,
    module: EncoderModule,
    old: EncoderModule,
    encoder: Encoder,
    texts: Sequence[str],
    columns: Mapping[str, Sequence[int]],
) -> list[LossTerm]:
    """What keeps the old model's knowledge while `module` learns further.

    Args:
        module: as it stands before, its heads carried over from `old`.
        texts: old texts, for what the weights are worth.
        columns: by the name of its logits, the number of each old class among the new ones.
    """
    terms: list[LossTerm] = []
    if "distillation" in settings.mechanisms:
        terms.append(
            OldResponses(
                old,
                columns,
                weight=settings.continual_distillation,
                temperature=settings.continual_temperature,
            )
        )
    if "ewc" in settings.mechanisms:
        terms.append(
            ElasticWeights(module, encoder, texts, columns, weight=settings.ewc, seed=settings.seed)
        )
    return terms
