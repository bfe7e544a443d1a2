"""A task small enough to be learned in a second: which letter does a word begin with?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from common.models.bundled import Source
from common.models.loading import Backbone, Tokenize, load_backbone
from common.models.pooling import PooledEncoder
from common.records.splits import Splits
from common.tuning.finetune import Tuned, finetune
from common.tuning.settings import Settings
from common.tuning.task import Batch, Metric, Predict, TaskModule

LETTERS = "abcd"
WORDS = [first + rest for first in LETTERS for rest in ("mno", "pqr", "st", "uvwx", "y", "zz")]


class ToyModule(TaskModule):
    def __init__(self, pooled: PooledEncoder, width: int) -> None:
        super().__init__()
        self.pooled = pooled
        self.head = nn.Linear(width, len(LETTERS))

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        label: torch.Tensor | None = None,
    ) -> dict[str, torch.Tensor]:
        logits = self.head(self.pooled(input_ids, attention_mask))
        outputs = {"logits": logits}
        if label is not None:
            outputs["loss"] = nn.functional.cross_entropy(logits, label)
        return outputs


class ToyTask:
    name = "toy"
    monitors = (Metric("loss", higher_is_better=False),)

    def build(self, backbone: Backbone, precision: str = "fp32") -> ToyModule:
        return ToyModule(backbone.pooled(), backbone.dimension)

    def text(self, record: str) -> str:
        return record

    def collate(self, records: Sequence[str], tokenize: Tokenize) -> Batch:
        return tokenize(records) | {"label": self._labels(records)}

    def measure(self, predict: Predict, records: Sequence[str]) -> dict[str, float]:
        logits = predict(records)["logits"]
        labels = self._labels(records)
        return {
            "loss": float(nn.functional.cross_entropy(logits, labels)),
            "accuracy": float((logits.argmax(-1) == labels).float().mean()),
        }

    def _labels(self, records: Sequence[str]) -> torch.Tensor:
        return torch.tensor([LETTERS.index(record[0]) for record in records])


def tune(model: Path, work: Path, *, resume: bool = False, **settings: object) -> Tuned:
    chosen = Settings(
        **{
            "epochs": 3,
            "batch_size": 8,
            "learning_rate": 2e-3,
            "head_learning_rate": 2e-2,
            "precision": "fp32",
            "device": "cpu",
            "patience": 0,
            **settings,
        }
    )
    backbone = load_backbone(Source("tiny", model), dropout=chosen.dropout)
    splits = Splits(WORDS, WORDS[::2], [])
    return finetune(ToyTask(), backbone, splits, chosen, work=work, resume=resume)
