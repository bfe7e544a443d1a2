"""Which parameters learn: all, those of the head or of the top layers, or what is added."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from common.errors import UserError
from common.models.adapting.adapter import SIZES, AdapterKind
from common.models.adapting.architectures import layer_count, layer_of

if TYPE_CHECKING:
    from torch import nn

# Beyond this many rows, word embeddings hold most of a small model and learn little.
LARGE_VOCABULARY = 100_000

Frozen = Literal["full", "head", "top-layers"]
KNOWN = ("full", "head", *SIZES)


@dataclass(frozen=True)
class Strategy:
    """How much of the pretrained encoder is trained."""

    kind: Frozen | AdapterKind
    top_layers: int = 0


def parse_strategy(text: str) -> Strategy:
    """`full`, `head`, `top-layers:N` or the name of what is added.

    Raises:
        UserError: none of these.
    """
    if text in KNOWN:
        return Strategy(text)  # type: ignore[arg-type]  # these are the literals
    if found := re.fullmatch(r"top-layers:([1-9]\d*)", text):
        return Strategy("top-layers", int(found[1]))
    raise UserError(
        f"unknown strategy {text!r}",
        hint=f"Take {', '.join(KNOWN)} or top-layers:N (N from 1).",
    )


def freeze(
    encoder: nn.Module, strategy: Strategy, *, freeze_word_embeddings: bool | None = None
) -> None:
    """Switch gradients on and off in place, as one of the strategies that add nothing says.

    Args:
        freeze_word_embeddings: None freezes those of a large vocabulary alone.

    Raises:
        UserError: more top layers than the encoder has.
    """
    layers = layer_count(encoder)
    if strategy.top_layers > layers:
        raise UserError(f"top-layers:{strategy.top_layers}, but the encoder has {layers} layers")
    for name, parameter in encoder.named_parameters():
        layer = layer_of(name)
        if strategy.kind == "top-layers":
            parameter.requires_grad = layer is not None and layer >= layers - strategy.top_layers
        else:
            parameter.requires_grad = strategy.kind != "head"
    words = encoder.get_input_embeddings().weight  # type: ignore[operator]
    if freeze_word_embeddings is None:
        freeze_word_embeddings = words.shape[0] >= LARGE_VOCABULARY
    if freeze_word_embeddings:
        words.requires_grad = False


def trained_share(module: nn.Module) -> tuple[int, int]:
    """Number of parameters that learn, and of all."""
    sizes = [(parameter.numel(), parameter.requires_grad) for parameter in module.parameters()]
    return sum(size for size, learns in sizes if learns), sum(size for size, _ in sizes)
