"""Texts that a loss compares with each other, read in several passes: a gradient cache.

All texts are read without gradients first; the loss is taken of their vectors at once, and each
pass is read again for the gradients of its own (Gao et al. 2021, arXiv 2101.06983). The gradients
are those of one pass, and no more activations are held than those of the largest; each text costs
one forward pass more.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn

from common.errors import UserError
from common.tuning.computing.passes import rows_of_passes, some_rows
from common.tuning.settings import Settings
from common.tuning.task import Batch, EncoderModule, TaskModule

TOKENS = ("input_ids", "attention_mask")


def tokens_compared(settings: Settings, module: TaskModule, processes: int) -> int | None:
    """How many tokens a pass holds where records are compared; None: each batch is one pass.

    It costs time, so nobody gets it who did not ask for it.

    Raises:
        UserError: it was asked for beside what needs one pass.
    """
    if not (isinstance(module, EncoderModule) and module.takes_vectors):
        return None
    tokens = settings.tokens_per_pass or None
    if tokens and settings.adversarial and not settings.keeps_encoder:
        raise UserError(
            "tokens_per_pass and adversarial do not go together where records are compared: what "
            "is perturbed must be read in one pass",
            hint="Leave one of them out.",
        )
    if tokens and processes > 1:
        raise UserError(
            "tokens_per_pass is for one process where records are compared",
            hint="Leave it out, and take a smaller batch_size: each process has its own batch.",
        )
    return tokens


def is_more_than(batch: Batch, tokens: int) -> bool:
    """Whether a batch has texts, and they have more tokens than that, padding included."""
    return TOKENS[0] in batch and batch[TOKENS[0]].numel() > tokens


class GradientCache:
    """The vectors of a batch's texts, and the way back from their gradients to the encoder's.

    Args:
        pooled: tokens → vectors [texts, width].
        batch: with the tokens of texts, on the device.
        tokens: how many a pass may hold, padding included.
        context: what a forward pass runs in, such as autocast.

    Attributes:
        batch: the same with `vectors` [texts, width] in the tokens' place.
    """

    def __init__(
        self,
        pooled: nn.Module,
        batch: Batch,
        tokens: int,
        context: Callable[[], AbstractContextManager[object]],
    ) -> None:
        self._pooled, self._context = pooled, context
        texts = {name: batch[name] for name in TOKENS}
        self._rows = rows_of_passes(texts["attention_mask"], tokens)
        self._passes = [some_rows(texts, rows) for rows in self._rows]
        # What is dropped out must be the same when a pass is read again.
        self._random: list[_RandomState] = []
        found = []
        for one in self._passes:
            self._random.append(_RandomState(texts["input_ids"].device))
            with torch.no_grad(), context():
                found.append(pooled(**one))
        places = torch.cat(self._rows).argsort()
        self.vectors = torch.cat(found)[places].requires_grad_()
        others = {name: tensor for name, tensor in batch.items() if name not in TOKENS}
        self.batch: Batch = {**others, "vectors": self.vectors}

    def backward(self) -> None:
        """Add the encoder's gradients, once those of the vectors are there."""
        assert self.vectors.grad is not None
        after = _RandomState(self.vectors.device)
        for one, rows, before in zip(self._passes, self._rows, self._random, strict=True):
            before.restore()
            with self._context():
                found: Tensor = self._pooled(**one)
            torch.autograd.backward(found, self.vectors.grad[rows].to(found.dtype))
        after.restore()


class _RandomState:
    """Where the generators of the CPU and of a device stand."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._cpu = torch.get_rng_state()
        self._own = torch.cuda.get_rng_state(device) if device.type == "cuda" else None

    def restore(self) -> None:
        torch.set_rng_state(self._cpu)
        if self._own is not None:
            torch.cuda.set_rng_state(self._own, self._device)
