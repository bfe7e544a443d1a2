"""Learning without forgetting: the old model's opinion of each text is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn

from common.models.adapting.frozen_pooling import FrozenPooling
from common.tuning.losses import bernoulli_divergence, softmax_divergence
from common.tuning.task import Batch, EncoderModule


class OldResponses:
    """Learning without forgetting (Li & Hoiem 2017, arXiv 1606.09282), a `LossTerm`.

    `weight` · T² · KL(p_old ‖ p_new), p at temperature T over the old classes alone, of new texts
    as well as of old ones. Of labels that do not exclude each other, it is the sum of the
    divergences of their Bernoulli distributions.

    Args:
        old: the model that learned the old classes; a copy is kept, which does not learn.
        columns: by the name of its logits, the number of each old class among the new ones.
    """

    def __init__(
        self,
        old: EncoderModule,
        columns: Mapping[str, Sequence[int]],
        *,
        weight: float,
        temperature: float,
    ) -> None:
        self.old = deepcopy(old).requires_grad_(False)
        # It says the same of a text each time.
        self.old.pooled = FrozenPooling(self.old.pooled)
        self.old.eval()
        self.columns = {name: list(numbers) for name, numbers in columns.items()}
        self.weight = weight
        self.temperature = temperature
        self.independent = frozenset(old.independent_logits)

    def __call__(self, module: nn.Module, batch: Batch, outputs: dict[str, Tensor]) -> Tensor:
        """How far the new model's opinion of the old classes is from the old model's."""
        with torch.no_grad():
            said = self.old(batch["input_ids"], batch["attention_mask"])
        apart = outputs["loss"].new_zeros(())
        for name, columns in self.columns.items():
            old = said[name].float() / self.temperature
            new = outputs[name][:, columns].float() / self.temperature
            far = bernoulli_divergence if name in self.independent else softmax_divergence
            apart = apart + far(old, new).mean()
        return self.weight * self.temperature**2 * apart
