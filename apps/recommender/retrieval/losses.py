"""What the towers learn from: what the user did next, and what they took of what was shown."""

from __future__ import annotations

import torch
from torch import Tensor

from common.tuning.losses import corrected_softmax, listwise_softmax


def next_item_loss(
    items: Tensor,
    interests: Tensor,
    scale: Tensor,
    *,
    history: Tensor,
    target: Tensor,
    weight: Tensor,
    log_inclusion: Tensor,
    shown: Tensor,
    taken: Tensor,
) -> Tensor:
    """The loss of one batch, whose items are numbered 0, 1, … by their row in `items`.

    Args:
        items: [items, width], all items of the batch, each once.
        interests: [users, length, interests, width], after each event.
        scale: by which cosines become logits.
        history: [users, length], -1 where there is no event.
        target: [users, length], the item that came next, -1 where there is none to learn.
        weight: [users, length], what the target counts for.
        log_inclusion: [items], logarithm of the probability that an item is in a batch.
        shown: [users, places], items of one impression after the history, -1 where there is
            none; `taken` of the same shape is 1 or 0.
    """
    losses, weights = [], []
    if bool((target >= 0).any()):
        row, place = (target >= 0).nonzero(as_tuple=True)
        logits = scale * best_match(interests[row, place], items)
        own = _own_items(history, target, len(items))[row]
        losses.append(corrected_softmax(logits, target[row, place], log_inclusion, own))
        weights.append(weight[row, place])
    if bool((taken > 0).any()):
        logits = scale * _shown_scores(interests[:, -1], items, shown)
        losses.append(listwise_softmax(logits, shown >= 0, taken))
        weights.append((taken > 0).any(1).float())
    if not losses:
        return scale * 0.0
    loss, total = torch.cat(losses), torch.cat(weights)
    # A batch may hold nothing that was liked.
    return (loss * total).sum() / total.sum().clamp(min=torch.finfo(total.dtype).tiny)


def best_match(interests: Tensor, items: Tensor) -> Tensor:
    """Largest dot product of any interest.

    [rows, interests, width] and [items, width] → [rows, items].
    """
    rows, several, _ = interests.shape
    return (interests.flatten(0, 1) @ items.T).view(rows, several, -1).amax(1)


def _shown_scores(interests: Tensor, items: Tensor, shown: Tensor) -> Tensor:
    """[users, interests, width] and [users, places] → [users, places]."""
    scores: Tensor = torch.einsum("uhw,upw->uhp", interests, items[shown.clamp(min=0)]).amax(1)
    return scores


def _own_items(history: Tensor, target: Tensor, items: int) -> Tensor:
    """[users, items], True for what a user did, before or next."""
    own = torch.zeros(len(history), items + 1, dtype=torch.bool, device=history.device)
    for column in (history, target):
        # Nothing goes to a last column of its own.
        own.scatter_(1, torch.where(column < 0, items, column), True)
    return own[:, :items]
