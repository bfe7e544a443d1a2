"""SimCSE: two readings of one text, each with its own dropout, lie nearer than other texts."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from common.errors import UserError
from common.models.encoder import Encoder
from common.tuning.losses import in_batch_contrastive
from common.tuning.pretraining.objective import FIXED_SEED, PretrainingTask
from common.tuning.task import EncoderModule, Predict

# One over the temperature of .05 in the paper.
SCALE = 20.0


class TwoReadings(EncoderModule):
    """An encoder that reads each text twice (Gao et al. 2021, arXiv 2104.08821)."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.pooled = encoder.pooled()

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> dict[str, Tensor]:
        """[batch, tokens] twice → `first` and `second` [batch, width], and `loss`."""
        if self.training:
            first, second = self._read(input_ids, attention_mask)
        else:
            # Without dropout the two would be the same.
            with torch.random.fork_rng():
                torch.manual_seed(FIXED_SEED)
                self.pooled.train()
                first, second = self._read(input_ids, attention_mask)
                self.pooled.eval()
        loss = in_batch_contrastive(first, second, scale=SCALE)
        return {"first": first, "second": second, "loss": loss}

    def _read(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        twice = self.pooled(input_ids.repeat(2, 1), attention_mask.repeat(2, 1))
        first, second = twice.chunk(2)
        return first, second


class SimcseTask(PretrainingTask):
    """SimCSE over texts."""

    def __init__(self) -> None:
        super().__init__("simcse", make_two_readings)

    def measure(self, predict: Predict, records: Sequence[str]) -> dict[str, float]:
        """The loss with each held-out text among all of them."""
        found = predict(records)
        return {"loss": float(in_batch_contrastive(found["first"], found["second"], scale=SCALE))}


def make_two_readings(encoder: Encoder) -> TwoReadings:
    """The module on an encoder.

    Raises:
        UserError: it has no dropout: both readings would be the same.
    """
    rates = [part.p for part in encoder.network.modules() if isinstance(part, nn.Dropout)]
    if not any(rates):
        raise UserError(
            "simcse: the backbone has no dropout, so that two readings of a text are the same",
            hint="--set dropout=0.1, if its architecture takes it; or --method mlm.",
        )
    return TwoReadings(encoder)
