"""What is fine-tuned: an encoder that puts a question beside the passage that answers it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from apps.new.skeletons.retrieve.schema import Example
from common.errors import UserError
from common.models.heads import SCALE
from common.models.pooling import PooledEncoder
from common.records.splits import Splits
from common.tuning.losses import classification
from common.tuning.settings import Settings
from common.tuning.task import Batch, EncoderModule, Metric, Predict

if TYPE_CHECKING:
    from common.models.encoder import Encoder
    from common.tuning.task import Tokenize


class OwnModule(EncoderModule):
    """Texts → vectors of length 1; change what is learned of them here."""

    def __init__(self, pooled: PooledEncoder) -> None:
        super().__init__()
        self.pooled = pooled

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, passage: Tensor | None = None
    ) -> dict[str, Tensor]:
        """`embedding` [batch, width]; with `passage`, the loss.

        Args:
            passage: [questions], the number of each one's passage. The batch is the questions, and
                after them the passages: every other passage of the batch is a wrong one (van den
                Oord et al. 2018, arXiv 1807.03748).
        """
        unit = functional.normalize(self.pooled(input_ids, attention_mask).float(), dim=-1)
        outputs = {"embedding": unit}
        if passage is not None:
            questions, passages = unit[: len(passage)], unit[len(passage) :]
            outputs["loss"] = classification(SCALE * questions @ passages.T, passage)
        return outputs


class OwnTask:
    """Questions and passages.

    Raises:
        UserError: there are no two passages to tell apart.
    """

    name = "retrieve"
    monitors = (Metric("right"), Metric("loss", higher_is_better=False))

    def __init__(self, splits: Splits[Example], settings: Settings) -> None:
        # What answers held-out questions is searched too, though nothing is learned of it.
        every = [*splits.train, *splits.validation, *splits.test]
        self.passages = list(dict.fromkeys(example.passage for example in every))
        if len({example.passage for example in splits.train}) < 2:
            raise UserError("nothing to tell apart: there are no two passages")

    def build(self, encoder: Encoder, precision: str = "fp32") -> OwnModule:
        """The encoder as it is."""
        return OwnModule(encoder.pooled())

    def input(self, record: Example) -> str:
        """The question."""
        return record.text

    def collate(self, records: Sequence[Example], tokenize: Tokenize) -> Batch:
        """Token ids of the questions and, each once, of their passages."""
        passages = list(dict.fromkeys(record.passage for record in records))
        numbers = torch.tensor([passages.index(record.passage) for record in records])
        return tokenize([*(record.text for record in records), *passages]) | {"passage": numbers}

    def measure(self, predict: Predict, records: Sequence[Example]) -> dict[str, float]:
        """The share of questions whose nearest passage is right, and the loss over all passages."""
        vectors = predict([*(record.text for record in records), *self.passages])["embedding"]
        logits = SCALE * vectors[: len(records)] @ vectors[len(records) :].T
        right = torch.tensor([self.passages.index(record.passage) for record in records])
        return {
            "right": float((logits.argmax(-1) == right).float().mean()),
            "loss": float(classification(logits, right)),
        }
