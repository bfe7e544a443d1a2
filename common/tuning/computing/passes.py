"""Batches of long texts learned in several passes, so that none takes all memory."""

from __future__ import annotations

import torch

from common.models.prediction import TOKENS_PER_BATCH, TOKENS_PER_BATCH_ON_GPU
from common.tuning.settings import Settings
from common.tuning.task import Batch, EncoderModule, TaskModule


def tokens_per_pass(settings: Settings, device: torch.device) -> int | None:
    """How many tokens, padding included, a pass may hold; None: any number."""
    # Processes that share weights must all make as many passes, and the gradient of one record is
    # bounded in the only one.
    if settings.sharded or settings.is_private or settings.tokens_per_pass == 0:
        return None
    usual = TOKENS_PER_BATCH_ON_GPU if device.type == "cuda" else TOKENS_PER_BATCH
    return settings.tokens_per_pass or usual


def passes(batch: Batch, module: TaskModule, tokens: int | None) -> list[tuple[Batch, float]]:
    """The parts of a batch, each with its share of the records; [the batch itself] where it fits.

    The longest records come first. Only where each record's loss is its own is a batch parted: the
    mean over the parts, weighted by their shares, is then the mean over the batch, if each record
    has a label.
    """
    if tokens is None or not isinstance(module, EncoderModule) or not module.can_part(batch):
        return [(batch, 1.0)]
    mask = batch["attention_mask"]
    if mask.numel() <= tokens:
        return [(batch, 1.0)]
    rows = rows_of_passes(mask, tokens)
    return [(some_rows(batch, some), len(some) / len(mask)) for some in rows]


def rows_of_passes(mask: torch.Tensor, tokens: int) -> list[torch.Tensor]:
    """The rows of each pass, those of the longest texts first; a text too long is alone in one.

    Args:
        mask: [texts, tokens].
        tokens: how many a pass may hold, padding included.
    """
    lengths = mask.sum(1)
    found: list[torch.Tensor] = []
    rest = lengths.argsort(descending=True)
    while len(rest):
        size = max(1, tokens // max(1, int(lengths[rest[0]])))
        found.append(rest[:size])
        rest = rest[size:]
    return found


def some_rows(batch: Batch, rows: torch.Tensor) -> Batch:
    """Some records, padded no further than they need."""
    real = batch["attention_mask"][rows].bool().any(0)
    return {
        name: tensor[rows][:, real] if name in {"input_ids", "attention_mask"} else tensor[rows]
        for name, tensor in batch.items()
    }
