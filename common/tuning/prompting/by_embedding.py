"""Zero-shot by an encoder: a text belongs to the label whose words it lies nearest to."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from common.models.encoder import Encoder
from common.models.heads import SCALE, Embedder
from common.models.prediction import predict
from common.tuning.prompting.labels import Question


class EmbeddingClassifier:
    """One direction a label: dataless classification (Chang et al. 2008, AAAI).

    Args:
        examples: texts and their labels; a label's direction lies half way between its words and
            the mean of its examples, where it has some.
    """

    def __init__(
        self, encoder: Encoder, question: Question, examples: Sequence[tuple[str, str]] = ()
    ) -> None:
        self.encoder = encoder
        self.reader = Embedder(encoder.pooled())
        self.names = question.names
        self.directions = self._directions(question, examples)

    def probabilities(self, texts: Sequence[str]) -> Tensor:
        """[texts, labels], a softmax over scaled cosines: an order, not calibrated."""
        return (SCALE * self._vectors(texts) @ self.directions.T).softmax(-1)

    def _directions(self, question: Question, examples: Sequence[tuple[str, str]]) -> Tensor:
        rows = []
        for name in question.names:
            direction = self._mean(question.sentences(name))
            own = [text for text, label in examples if label == name]
            if own:
                direction = direction + self._mean(own)
            rows.append(functional.normalize(direction, dim=-1))
        return torch.stack(rows)

    def _mean(self, texts: Sequence[str]) -> Tensor:
        return functional.normalize(self._vectors(texts).mean(0), dim=-1)

    def _vectors(self, texts: Sequence[str]) -> Tensor:
        found = predict(self.reader, self.encoder, texts, what="Reading texts")
        return functional.normalize(found["embedding"], dim=-1)
