"""Which parameters learn: full, head only, the top layers, or low-rank adapters."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from torch import nn

from common.errors import UserError

# Where the layers of an encoder stand in its parameter names: BERT and its kin, GPT-2, Llama.
LAYER = re.compile(r"(?:^|\.)(?:layer|layers|h|block)\.(\d+)\.")
# Beyond this many rows, word embeddings hold most of a small model and learn little.
LARGE_VOCABULARY = 100_000

Kind = Literal["full", "head", "top-layers", "lora"]


@dataclass(frozen=True)
class Strategy:
    """How much of the pretrained encoder is trained."""

    kind: Kind
    top_layers: int = 0


def parse_strategy(text: str) -> Strategy:
    """`full`, `head`, `lora` or `top-layers:N`.

    Raises:
        UserError: none of these.
    """
    if text in {"full", "head", "lora"}:
        return Strategy(text)  # type: ignore[arg-type]  # the set holds the literals
    if found := re.fullmatch(r"top-layers:([1-9]\d*)", text):
        return Strategy("top-layers", int(found[1]))
    raise UserError(
        f"unknown strategy {text!r}", hint="Take full, head, lora or top-layers:N (N from 1)."
    )


def layer_of(parameter: str) -> int | None:
    """The encoder layer a parameter belongs to; None for embeddings and what stands above."""
    found = LAYER.search(parameter)
    return int(found[1]) if found else None


def layer_count(encoder: nn.Module) -> int:
    """How many layers the encoder has."""
    layers = (layer_of(name) for name, _ in encoder.named_parameters())
    return 1 + max((layer for layer in layers if layer is not None), default=-1)


def freeze(
    encoder: nn.Module, strategy: Strategy, *, freeze_word_embeddings: bool | None = None
) -> None:
    """Switch off gradients in place as `strategy` says.

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
        if strategy.kind == "head":
            parameter.requires_grad = False
        elif strategy.kind == "top-layers":
            parameter.requires_grad = layer is not None and layer >= layers - strategy.top_layers
    words = encoder.get_input_embeddings().weight  # type: ignore[operator]
    if freeze_word_embeddings is None:
        freeze_word_embeddings = words.shape[0] >= LARGE_VOCABULARY
    if freeze_word_embeddings:
        words.requires_grad = False


def trained_share(module: nn.Module) -> tuple[int, int]:
    """Number of parameters that learn, and of all."""
    sizes = [(parameter.numel(), parameter.requires_grad) for parameter in module.parameters()]
    return sum(size for size, learns in sizes if learns), sum(size for size, _ in sizes)
