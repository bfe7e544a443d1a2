"""What the encoder learns of pairs: texts of one class lie near each other, others do not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from common.models.pooling import PooledEncoder
from common.tuning import losses
from common.tuning.contrastive.pairs import TextPair
from common.tuning.task import Batch, EncoderModule, Metric, Predict

if TYPE_CHECKING:
    from common.models.encoder import Encoder
    from common.tuning.task import Tokenize


class PairModule(EncoderModule):
    """The encoder and its pooling alone: nothing is added to it."""

    def __init__(self, pooled: PooledEncoder) -> None:
        super().__init__()
        self.pooled = pooled

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, is_same: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Vectors, and with `is_same` the loss.

        Args:
            input_ids, attention_mask: [2 x pairs, tokens]; the two texts of a pair follow each
                other.
            is_same: [pairs], 1 where both are of one class, else 0.
        """
        outputs = {"embedding": self.pooled(input_ids, attention_mask)}
        if is_same is not None:
            first, second = outputs["embedding"][0::2], outputs["embedding"][1::2]
            outputs["loss"] = losses.cosine_regression(first, second, is_same)
        return outputs


class PairTask:
    """Cosines of pairs: 1 within a class, 0 between two."""

    name = "pairs"
    monitors = (Metric("pair_loss", higher_is_better=False),)

    def build(self, encoder: Encoder, precision: str = "fp32") -> PairModule:
        """The encoder as it is."""
        return PairModule(encoder.pooled())

    def input(self, record: TextPair) -> str:
        """The longer text: batches are grouped by length."""
        return max(record.first, record.second, key=len)

    def collate(self, records: Sequence[TextPair], tokenize: Tokenize) -> Batch:
        """Both texts of each pair, one after the other."""
        batch = tokenize([text for pair in records for text in (pair.first, pair.second)])
        batch["is_same"] = torch.tensor([float(pair.is_same) for pair in records])
        return batch

    def measure(self, predict: Predict, records: Sequence[TextPair]) -> dict[str, float]:
        """The loss on held-out pairs."""
        found = predict([text for pair in records for text in (pair.first, pair.second)])
        is_same = torch.tensor([float(pair.is_same) for pair in records])
        first, second = found["embedding"][0::2], found["embedding"][1::2]
        return {"pair_loss": float(losses.cosine_regression(first, second, is_same))}
