"""What the towers learn from: what the user did next, and what they took of what was shown."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

NEVER = -1e9


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
        losses.append(impression_softmax(logits, shown >= 0, taken))
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


def corrected_softmax(logits: Tensor, target: Tensor, log_inclusion: Tensor, own: Tensor) -> Tensor:
    """Sampled softmax with the corrected logQ (Khrylchenko et al. 2025, arXiv 2507.09331).

    Negatives are weighted by one over the probability of being in the batch; the positive is
    always there and is not. The loss of a row counts as much as the model is still in doubt.

    Args:
        logits: [rows, items].
        target: [rows], the right item.
        own: [rows, items], True for items of the same user, which are no negatives.

    Returns:
        [rows]
    """
    right = logits.gather(1, target[:, None]).squeeze(1)
    negatives = (logits - log_inclusion).masked_fill(own, NEVER)
    rest = negatives.logsumexp(1)
    doubt = torch.sigmoid(rest - right).detach()
    return doubt * (rest - right)


def impression_softmax(logits: Tensor, is_shown: Tensor, taken: Tensor) -> Tensor:
    """Cross-entropy over what was shown together; several taken share the target evenly.

    Args:
        logits, is_shown, taken: [impressions, places].

    Returns:
        [impressions], 0 where nothing was taken.
    """
    share = taken.float() / taken.sum(1, keepdim=True).clamp(min=1)
    log_probability = functional.log_softmax(logits.masked_fill(~is_shown, NEVER), dim=1)
    return -(share * log_probability).sum(1)


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
