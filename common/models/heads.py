"""Heads on a pooled encoder, and how they start, so that "before" is a fair figure."""

from __future__ import annotations

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


def class_means(vectors: Tensor, numbers: Tensor) -> Tensor:
    """Mean vector of each class: [texts, width] and [texts] → [classes, width]."""
    return torch.stack([vectors[numbers == n].mean(0) for n in range(int(numbers.max()) + 1)])


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
