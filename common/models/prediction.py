"""A module over many texts: in batches of like length, without gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from common.console import progress, say
from common.storage.vectors import TEXTS_PER_SEGMENT, VectorCache, text_key

if TYPE_CHECKING:
    from common.models.encoder import Encoder
    from common.models.loading import Pretrained

# Bounds what one forward pass holds in memory, padding included.
TOKENS_PER_BATCH = 4096
# Below this many texts a progress bar would only flicker.
TEXTS_WITHOUT_PROGRESS = 2000


def batches_by_tokens(counts: Sequence[int], budget: int = TOKENS_PER_BATCH) -> list[list[int]]:
    """Group text indices, longest first, so that no padded batch exceeds `budget` tokens."""
    batches: list[list[int]] = []
    longest = 0
    for index in sorted(range(len(counts)), key=lambda i: -counts[i]):
        if batches and longest * (len(batches[-1]) + 1) <= budget:
            batches[-1].append(index)
        else:
            batches.append([index])
            longest = counts[index]
    return batches


def predict(
    module: nn.Module,
    pretrained: Pretrained[Any],
    inputs: Sequence[Any],
    *,
    precision: str = "fp32",
    what: str = "Encoding",
) -> dict[str, Tensor]:
    """Run `module` over `inputs` without gradients.

    Args:
        module: maps `input_ids` and `attention_mask` to a dict of tensors [batch, …].

    Returns:
        The same dict over all inputs, in their order, float32 on the CPU.
    """
    batches = batches_by_tokens(pretrained.token_counts(inputs))
    results: list[dict[str, Tensor]] = []
    was_training = module.training
    module.eval()
    if len(inputs) < TEXTS_WITHOUT_PROGRESS:
        results = [_forward(module, pretrained, [inputs[i] for i in b], precision) for b in batches]
    else:
        with progress(what, len(inputs)) as advance:
            for batch in batches:
                results.append(_forward(module, pretrained, [inputs[i] for i in batch], precision))
                advance(len(batch))
    module.train(was_training)
    order = torch.tensor([index for batch in batches for index in batch]).argsort()
    return {name: torch.cat([r[name] for r in results])[order] for name in results[0]}


def encode(
    open_encoder: Callable[[], tuple[nn.Module, Encoder]],
    texts: Sequence[str],
    cache: VectorCache,
    *,
    width: int,
    what: str = "items",
    precision: str = "fp32",
) -> NDArray[np.float32]:
    """[texts, width] vectors, as the encoder gives them; says how many were new.

    What is missing is encoded in the order of its keys, in segments of fixed size: an
    interrupted run goes on with the same segments, and ends with the same bytes.

    Args:
        open_encoder: loads what reads texts; called only where something is missing.
        what: is read, for the progress shown.
    """
    keys = [text_key(text) for text in texts]
    missing = cache.missing(keys)
    say(f"{what.capitalize()}: {len(texts)} texts, {len(missing)} to encode.")
    if missing:
        module, backbone = open_encoder()
        with progress(f"Encoding {what}", len(missing)) as advance:
            for start in range(0, len(missing), TEXTS_PER_SEGMENT):
                places = missing[start : start + TEXTS_PER_SEGMENT]
                segment = [texts[i] for i in places]
                found = predict(module, backbone, segment, precision=precision)["embedding"]
                cache.add([keys[i] for i in places], found.numpy())
                advance(len(places))
    return cache.gather(keys, width)


def _forward(
    module: nn.Module, pretrained: Pretrained[Any], inputs: Sequence[Any], precision: str
) -> dict[str, Tensor]:
    device = next(module.parameters()).device
    batch = {name: tensor.to(device) for name, tensor in pretrained.tokenize(inputs).items()}
    with torch.inference_mode(), autocast(device, precision):
        outputs = module(**batch)
    # A loss, which some modules cannot but give, is one for all of them.
    return {name: tensor.float().cpu() for name, tensor in outputs.items() if name != "loss"}


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Mixed precision for a forward pass; does nothing for `fp32`."""
    dtype = torch.float16 if precision == "fp16" else torch.bfloat16
    return torch.autocast(device.type, dtype=dtype, enabled=precision != "fp32")
