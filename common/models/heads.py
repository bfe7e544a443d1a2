"""Heads on a pooled encoder, and how they start, so that "before" is a fair figure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from common.models.pooling import PooledEncoder

# Scaled cosines of the same spread as a softmax over some hundred classes wants.
SCALE = 20.0
ENCODER_PREFIX = "pooled."


class CosineClassifier(nn.Module):
    """Logits are scaled cosines between a vector and one learned direction a class."""

    def __init__(self, directions: Tensor, scale: float = SCALE) -> None:
        super().__init__()
        self.directions = nn.Parameter(directions)
        self.log_scale = nn.Parameter(torch.tensor(scale).log())

    def forward(self, vectors: Tensor) -> Tensor:
        """[batch, width] → [batch, classes]."""
        cosines = (
            functional.normalize(vectors, dim=-1) @ functional.normalize(self.directions, dim=-1).T
        )
        return self.log_scale.exp() * cosines


class KernelClassifier(nn.Module):
    """Logits are linear in random Fourier features of a vector's direction.

    √(2 / D) cos(x Ω + b) for x of length 1 (Rahimi & Recht 2007).

    Args:
        frequencies: Ω, [width, D]; drawn, not learned.
        phases: b, [D]; likewise.
        weight: [classes, D].
        bias: [classes].
    """

    frequencies: Tensor
    phases: Tensor

    def __init__(self, frequencies: Tensor, phases: Tensor, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.register_buffer("frequencies", frequencies)
        self.register_buffer("phases", phases)
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(bias)

    @staticmethod
    def features(vectors: Tensor, frequencies: Tensor, phases: Tensor) -> Tensor:
        """[batch, width] → [batch, D]."""
        unit = functional.normalize(vectors.float(), dim=-1)
        return torch.cos(unit @ frequencies + phases) * math.sqrt(2 / len(phases))

    def forward(self, vectors: Tensor) -> Tensor:
        """[batch, width] → [batch, classes]."""
        found = self.features(vectors, self.frequencies, self.phases)
        logits: Tensor = found @ self.weight.T + self.bias
        return logits


Head = CosineClassifier | KernelClassifier


def read_head(heads: Mapping[str, Tensor], name: str) -> Head | None:
    """The head of this name in what `save_heads` wrote, as it was when it was built."""
    if f"{name}.frequencies" in heads:
        parts = ("frequencies", "phases", "weight", "bias")
        return KernelClassifier(*(heads[f"{name}.{part}"] for part in parts))
    directions = heads.get(f"{name}.directions")
    return None if directions is None else CosineClassifier(directions)


def class_means(vectors: Tensor, numbers: Tensor, classes: int | None = None) -> Tensor:
    """Mean vector of each class: [texts, width] and [texts] → [classes, width].

    Args:
        classes: how many there are; None: each has a text. One without starts from the mean of all.
    """
    present = set(numbers.tolist())
    count = int(numbers.max()) + 1 if classes is None else classes
    return torch.stack(
        [(vectors[numbers == n] if n in present else vectors).mean(0) for n in range(count)]
    )


class Embedder(nn.Module):
    """The pretrained encoder's own vectors, before any head."""

    def __init__(self, pooled: PooledEncoder) -> None:
        super().__init__()
        self.pooled = pooled

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> dict[str, Tensor]:
        """[batch, tokens] twice → `embedding` [batch, width], not normalised."""
        return {"embedding": self.pooled(input_ids, attention_mask)}


def save_heads(module: nn.Module, path: Path) -> None:
    """Write all weights of `module` but those of its encoder."""
    heads = {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in module.state_dict().items()
        if not name.startswith(ENCODER_PREFIX)
    }
    save_file(heads, path)
