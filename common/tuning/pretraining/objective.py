"""What all methods share: texts are both what is read and what is foretold."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from common.tuning.task import Batch, Metric, Predict, TaskModule, Tokenize

# Of what is drawn while held-out texts are read: the same each time.
FIXED_SEED = 0


class PretrainingTask:
    """A method as a task over texts: its module makes the targets of a text by itself.

    Args:
        make: puts the method's head on what is pretrained.
    """

    monitors: Sequence[Metric] = (Metric("loss", higher_is_better=False),)

    def __init__(self, name: str, make: Callable[[Any], TaskModule]) -> None:
        self.name = name
        self.make = make

    def build(self, pretrained: Any, precision: str = "fp32") -> TaskModule:
        """The head, not trained yet."""
        return self.make(pretrained)

    def input(self, record: str) -> str:
        """The text."""
        return record

    def collate(self, records: Sequence[str], tokenize: Tokenize) -> Batch:
        """The tokens alone."""
        return tokenize(records)

    def measure(self, predict: Predict, records: Sequence[str]) -> dict[str, float]:
        """Mean negative log-likelihood of the tokens foretold, and its exponential."""
        outputs = predict(records)
        loss = float(outputs["nll"].sum() / outputs["tokens"].sum().clamp(min=1))
        return {"loss": loss, "perplexity": math.exp(min(loss, 50.0))}


def per_text(losses: Tensor, is_foretold: Tensor) -> dict[str, Tensor]:
    """`nll` and `tokens` of each text [batch], and `loss`, the mean over all tokens foretold.

    Args:
        losses: of the tokens foretold, [tokens], in their order.
        is_foretold: [batch, longest].
    """
    nll = torch.zeros(is_foretold.shape, device=losses.device).masked_scatter(is_foretold, losses)
    tokens = is_foretold.sum(1)
    loss = losses.sum() / tokens.sum().clamp(min=1)
    return {"nll": nll.sum(1), "tokens": tokens, "loss": loss}


def generator_for(*, is_training: bool) -> torch.Generator | None:
    """Torch's own while a model learns; while it is measured, one that always draws the same."""
    return None if is_training else torch.Generator().manual_seed(FIXED_SEED)
