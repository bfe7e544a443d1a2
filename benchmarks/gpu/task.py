"""Classification of texts, as small as a task can be."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from common.models.encoder import Encoder
from common.models.pooling import PooledEncoder
from common.tuning import losses
from common.tuning.task import Batch, EncoderModule, Metric, Predict, Tokenize

Labelled = tuple[str, str]


class ClassifierModule(EncoderModule):
    """A linear layer over pooled vectors."""

    is_record_by_record = True

    def __init__(self, pooled: PooledEncoder, width: int, classes: int) -> None:
        super().__init__()
        self.pooled = pooled
        self.head = nn.Linear(width, classes)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, label: Tensor | None = None
    ) -> dict[str, Tensor]:
        """[batch, tokens] twice → `logits` [batch, classes], and `loss` where labels are given."""
        logits = self.head(self.pooled(input_ids, attention_mask))
        outputs = {"logits": logits}
        if label is not None:
            outputs["loss"] = losses.classification(logits, label)
        return outputs


class TextClassification:
    """Records are a text and its label."""

    name = "text classification"
    monitors = (Metric("accuracy"),)

    def __init__(self, records: Sequence[Labelled]) -> None:
        self.labels = sorted({label for _, label in records})

    def build(self, pretrained: Encoder, precision: str = "fp32") -> ClassifierModule:
        """The head, not trained yet."""
        return ClassifierModule(pretrained.pooled(), pretrained.dimension, len(self.labels))

    def input(self, record: Labelled) -> str:
        """The text."""
        return record[0]

    def collate(self, records: Sequence[Labelled], tokenize: Tokenize) -> Batch:
        """Tokens and numbers of labels."""
        return tokenize([text for text, _ in records]) | {"label": self._numbers(records)}

    def measure(self, predict: Predict, records: Sequence[Labelled]) -> dict[str, float]:
        """The share of right labels."""
        found = predict([text for text, _ in records])["logits"].argmax(-1)
        return {"accuracy": float((found == self._numbers(records)).float().mean())}

    def _numbers(self, records: Sequence[Labelled]) -> Tensor:
        return torch.tensor([self.labels.index(label) for _, label in records])
