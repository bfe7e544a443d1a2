"""A student learns the vectors that its teacher gives texts.

Mean squared error, as in Reimers and Gurevych 2020 (arXiv 2004.09813).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from common.models.encoder import Encoder
from common.models.pooling import PooledEncoder
from common.tuning.task import Batch, EncoderModule, Metric, Predict, Tokenize


@dataclass(frozen=True)
class TaughtText:
    """A text and its teacher's vector, [width], not normalised."""

    text: str
    vector: NDArray[np.float32]


class StudentModule(EncoderModule):
    """An encoder that is held to the vectors of another."""

    def __init__(self, pooled: PooledEncoder, spread: float) -> None:
        super().__init__()
        self.pooled = pooled
        self.spread = spread

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, taught: Tensor | None = None
    ) -> dict[str, Tensor]:
        """[batch, tokens] twice → `embedding` [batch, width]; with `taught`, the same, `loss`."""
        outputs = {"embedding": self.pooled(input_ids, attention_mask)}
        if taught is not None:
            outputs["loss"] = _error(outputs["embedding"], taught, self.spread)
        return outputs


class VectorTask:
    """The vectors of a teacher as a task over texts.

    `error` is the mean squared distance to the teacher's vector, as a share of what it is from the
    teacher's mean vector: 0: the same, 1: the student cannot tell texts apart.

    Args:
        training: what is learned; how far apart the teacher puts these texts is the unit.
    """

    name = "distillation"
    monitors: Sequence[Metric] = (Metric("error", higher_is_better=False), Metric("same_nearest"))

    def __init__(self, training: Sequence[TaughtText]) -> None:
        vectors = np.stack([record.vector for record in training])
        self.spread = float(vectors.var(axis=0).sum())

    def build(self, pretrained: Encoder, precision: str = "fp32") -> StudentModule:
        """No head: the vectors themselves are learned."""
        return StudentModule(pretrained.pooled(), self.spread)

    def input(self, record: TaughtText) -> str:
        """The text."""
        return record.text

    def collate(self, records: Sequence[TaughtText], tokenize: Tokenize) -> Batch:
        """The tokens, and the teacher's vectors."""
        return tokenize([record.text for record in records]) | {"taught": _taught(records)}

    def measure(self, predict: Predict, records: Sequence[TaughtText]) -> dict[str, float]:
        """`error`, the mean `cosine`, and the share of texts whose nearest is the teacher's."""
        found = predict([record.text for record in records])["embedding"]
        taught = _taught(records)
        return {
            "error": float(_error(found, taught, self.spread)),
            "cosine": float(functional.cosine_similarity(found, taught, dim=-1).mean()),
            "same_nearest": float((_nearest(found) == _nearest(taught)).float().mean()),
        }


def _taught(records: Sequence[TaughtText]) -> Tensor:
    return torch.from_numpy(np.stack([record.vector for record in records]))


def _error(found: Tensor, taught: Tensor, spread: float) -> Tensor:
    return (found.float() - taught).square().sum(-1).mean() / spread


def _nearest(vectors: Tensor) -> Tensor:
    """[texts, width] → [texts], the number of each text's nearest among the others, by cosine."""
    unit = functional.normalize(vectors, dim=-1)
    cosines = unit @ unit.T
    return cosines.fill_diagonal_(-torch.inf).argmax(-1)
