"""A module over many texts: in batches of like length, without gradients."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from common.console import progress, say
from common.storage.vectors import TEXTS_PER_SEGMENT, VectorCache, text_key

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from common.models.encoder import Encoder
    from common.models.loading import Pretrained

T = TypeVar("T")
U = TypeVar("U")

# Texts → their vectors [texts, width].
Read = Callable[[Sequence[str]], NDArray[np.float32]]

# Bounds what one forward pass holds in memory, padding included.
TOKENS_PER_BATCH = 4096
# A GPU is not busy with less.
TOKENS_PER_BATCH_ON_GPU = 16_384
# Batches that are made while a GPU reads one.
AHEAD = 2
# What a layer makes of them should stay in a processor's cache: e5-small on one thread read the
# same texts in 2.9 s by 512 tokens, and in 4.0 s by 4,096.
TOKENS_PER_THREAD = 512
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


def tokens_per_batch(device: torch.device) -> int:
    """How many tokens, padding included, are read at once there."""
    import torch

    if device.type == "cuda":
        return TOKENS_PER_BATCH_ON_GPU
    return min(TOKENS_PER_BATCH, TOKENS_PER_THREAD * torch.get_num_threads())


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
    import torch

    device = next(module.parameters()).device
    batches = batches_by_tokens(pretrained.token_counts(inputs), tokens_per_batch(device))
    results: list[dict[str, Tensor]] = []
    was_training = module.training
    # A part that was exchanged since may train where the whole does not; to look is quick.
    if any(part.training for part in module.modules()):
        module.eval()
    with (
        nullcontext()
        if len(inputs) < TEXTS_WITHOUT_PROGRESS
        else progress(what, len(inputs)) as advance
    ):
        for batch, outputs in zip(
            batches, _outputs(module, pretrained, inputs, batches, precision), strict=True
        ):
            results.append(outputs)
            if advance is not None:
                advance(len(batch))
    if was_training:
        module.train()
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
    """[texts, width] vectors, as the encoder gives them; else as `encode_with`.

    Args:
        open_encoder: loads what reads texts; called only where something is missing.
    """

    def open_reader() -> Read:
        module, backbone = open_encoder()

        def read(some: Sequence[str]) -> NDArray[np.float32]:
            return predict(module, backbone, some, precision=precision)["embedding"].numpy()

        return read

    return encode_with(open_reader, texts, cache, width=width, what=what)


def encode_with(
    open_reader: Callable[[], Read],
    texts: Sequence[str],
    cache: VectorCache,
    *,
    width: int,
    what: str = "items",
    unit: str = "texts",
) -> NDArray[np.float32]:
    """[texts, width] vectors, those that are new as a reader gives them; says how many were new.

    What is missing is encoded in the order of its keys, in segments of fixed size: an
    interrupted run goes on with the same segments, and ends with the same bytes.

    Args:
        open_reader: loads what reads texts; called only where something is missing.
        what, unit: what is read, for the progress shown.
    """
    keys = [text_key(text) for text in texts]
    missing = cache.missing(keys)
    say(f"{what.capitalize()}: {len(texts)} {unit}, {len(missing)} to encode.")
    if missing:
        read = open_reader()
        with progress(f"Encoding {what}", len(missing)) as advance:
            for start in range(0, len(missing), TEXTS_PER_SEGMENT):
                places = missing[start : start + TEXTS_PER_SEGMENT]
                cache.add([keys[i] for i in places], read([texts[i] for i in places]))
                advance(len(places))
    return cache.gather(keys, width)


def _outputs(
    module: nn.Module,
    pretrained: Pretrained[Any],
    inputs: Sequence[Any],
    batches: Sequence[Sequence[int]],
    precision: str,
) -> Iterator[dict[str, Tensor]]:
    """Of each batch, in float32 on the CPU; a GPU waits neither for tokens nor for copies."""
    import torch

    device = next(module.parameters()).device
    on_gpu = device.type == "cuda"

    def tokenise(batch: Sequence[int]) -> dict[str, Tensor]:
        tokens = pretrained.tokenize([inputs[i] for i in batch])
        return {name: one.pin_memory() if on_gpu else one for name, one in tokens.items()}

    def read(tokens: dict[str, Tensor]) -> dict[str, Tensor]:
        there = {name: one.to(device, non_blocking=on_gpu) for name, one in tokens.items()}
        with torch.inference_mode(), autocast(device, precision):
            outputs = module(**there)
        # A loss, which some modules cannot but give, is one for all of them.
        return {name: one.float() for name, one in outputs.items() if name != "loss"}

    tokenised = made_ahead(tokenise, batches, AHEAD) if on_gpu else map(tokenise, batches)
    found = map(read, tokenised)
    for outputs in one_behind(found) if on_gpu else found:
        yield {name: tensor.cpu() for name, tensor in outputs.items()}


def made_ahead(make: Callable[[T], U], wanted: Iterable[T], ahead: int) -> Iterator[U]:
    """`map(make, wanted)`, with the next `ahead` made by another thread meanwhile."""
    with ThreadPoolExecutor(1) as pool:
        waiting: deque[Future[U]] = deque()
        for one in wanted:
            waiting.append(pool.submit(make, one))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def one_behind(found: Iterable[T]) -> Iterator[T]:
    """The same, each once the one after it has begun."""
    waiting: deque[T] = deque()
    for one in found:
        waiting.append(one)
        if len(waiting) > 1:
            yield waiting.popleft()
    yield from waiting


def held_in(module: nn.Module, precision: str) -> nn.Module:
    """The module as `autocast` reads it: its linear layers hold their weights in that precision.

    In inference autocast makes them anew for every batch. The outputs are the same; the rest, the
    embeddings above all, is shared.
    """
    from torch import nn

    if precision == "fp32":
        return module
    dtype = _narrow(precision)
    shared = {id(one): one for one in (*module.parameters(), *module.buffers())}
    held = copy.deepcopy(module, shared)
    for layer in held.modules():
        if isinstance(layer, nn.Linear):
            for name, weight in [*layer.named_parameters(recurse=False)]:
                setattr(layer, name, nn.Parameter(weight.detach().to(dtype), requires_grad=False))
    return held


def _narrow(precision: str) -> torch.dtype:
    import torch

    return torch.float16 if precision == "fp16" else torch.bfloat16


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Mixed precision for a forward pass; does nothing for `fp32`."""
    import torch

    dtype = _narrow(precision)
    return torch.autocast(device.type, dtype=dtype, enabled=precision != "fp32")
