"""What is fine-tuned: an encoder and one learned direction a label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from apps.new.skeletons.classify.schema import Example
from common.errors import UserError
from common.models.heads import CosineClassifier, Embedder, class_means
from common.models.pooling import PooledEncoder
from common.models.prediction import predict
from common.records.splits import Splits
from common.tuning.imbalance import ClassLoss, HeadLoss, class_counts
from common.tuning.label_names import spoken
from common.tuning.settings import Settings
from common.tuning.task import Batch, EncoderModule, Metric, Predict

if TYPE_CHECKING:
    from common.models.encoder import Encoder
    from common.tuning.task import Tokenize


class OwnModule(EncoderModule):
    """A text's vector → logits of its labels; change the head and the loss here."""

    is_record_by_record = True

    def __init__(
        self, pooled: PooledEncoder, head: CosineClassifier, loss: HeadLoss | None = None
    ) -> None:
        super().__init__()
        self.pooled = pooled
        self.head = head
        self.loss = loss or HeadLoss(ClassLoss())

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, label: Tensor | None = None
    ) -> dict[str, Tensor]:
        """`embedding` [batch, width] and `logits` [batch, labels]; with `label` [batch], `loss`."""
        vectors = self.pooled(input_ids, attention_mask)
        unit = functional.normalize(vectors.float(), dim=-1)
        outputs = {"embedding": unit, "logits": self.head(vectors).float()}
        if label is not None:
            outputs["loss"] = self.loss.classes(outputs["logits"], label)
        return outputs


class OwnTask:
    """One label a text.

    Raises:
        UserError: there are no two labels to tell apart.
    """

    name = "classify"
    monitors = (Metric("right"),)

    def __init__(self, splits: Splits[Example], settings: Settings) -> None:
        self.training = splits.train
        self.labels = sorted({example.label for example in self.training})
        if len(self.labels) < 2:
            raise UserError("nothing to tell apart: there are no two labels")
        self._number = {name: number for number, name in enumerate(self.labels)}
        self._loss = ClassLoss.of(settings)

    def build(self, encoder: Encoder, precision: str = "fp32") -> OwnModule:
        """The head on the encoder, each direction the mean of its label's texts."""
        pooled = encoder.pooled()
        texts = [example.text for example in self.training]
        found = predict(Embedder(pooled), encoder, texts, precision=precision)
        unit = functional.normalize(found["embedding"], dim=-1)
        numbers, count = self._numbers(self.training), len(self.labels)
        head = CosineClassifier(class_means(unit, numbers, count))
        return OwnModule(pooled, head, self._loss.for_counts(class_counts(numbers, count)))

    def input(self, record: Example) -> str:
        """The text."""
        return record.text

    def collate(self, records: Sequence[Example], tokenize: Tokenize) -> Batch:
        """Token ids and the labels' numbers."""
        return tokenize([one.text for one in records]) | {"label": self._numbers(records)}

    def measure(self, predict: Predict, records: Sequence[Example]) -> dict[str, float]:
        """The share of texts whose most probable label is right."""
        found = predict([record.text for record in records])["logits"].argmax(-1)
        return {"right": float((found == self._numbers(records)).float().mean())}

    def label(self, record: Example) -> int | None:
        """The number of its label."""
        return self._number.get(record.label)

    def named(self) -> dict[str, Example]:
        """The labels whose names are words, which are learned as texts where there are few."""
        said = {name: spoken(name) for name in self.labels}
        return {name: Example(text=words, label=name) for name, words in said.items() if words}

    def labels_of(self, record: Example) -> Sequence[str]:
        """Its label."""
        return (record.label,)

    def _numbers(self, records: Sequence[Example]) -> Tensor:
        # A label that was not there to learn is -1, which nothing answers.
        return torch.tensor([self._number.get(record.label, -1) for record in records])
