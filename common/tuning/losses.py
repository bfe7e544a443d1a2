"""What models learn from: every loss that a task may take, each with its formula and its source."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

# What a logit becomes that takes no part in a softmax.
NEVER = -1e9


def classification(
    logits: Tensor, target: Tensor, *, smoothing: float = 0.0, focal: float = 0.0
) -> Tensor:
    """Cross-entropy, -log p, with label smoothing (Szegedy et al. 2016, arXiv 1512.00567).

    With `focal` > 0 each text counts (1 - p)^focal: what is learned already counts less (Lin et al.
    2017, arXiv 1708.02002), which helps where some classes are rare.

    Args:
        logits: [batch, classes].
        target: [batch], class numbers; below 0: not known, and left out.

    Returns:
        The mean over the texts whose class is known; 0 where there are none.
    """
    known = target >= 0
    if not bool(known.any()):
        return logits.sum() * 0.0
    logits, target = logits[known], target[known]
    losses = functional.cross_entropy(logits, target, label_smoothing=smoothing, reduction="none")
    if focal:
        right = logits.log_softmax(-1).gather(1, target[:, None]).squeeze(1).exp()
        losses = losses * (1 - right) ** focal
    return losses.mean()


def multilabel(logits: Tensor, target: Tensor, *, focal: float = 0.0) -> Tensor:
    """Binary cross-entropy, summed over labels and meaned over texts: as strong as a softmax.

    Args:
        logits: [batch, labels].
        target: [batch, labels] of 0 and 1.
        focal: as in `classification`, for each label.
    """
    target = target.float()
    losses = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    if focal:
        right = torch.where(target > 0, logits.sigmoid(), (-logits).sigmoid())
        losses = losses * (1 - right) ** focal
    return losses.sum(-1).mean()


def prototype(
    logits: Tensor, target: Tensor, *, outside: Tensor, smoothing: float, outlier_weight: float
) -> Tensor:
    """Pull each text to its own prototype, away from all others.

    A contrastive loss whose negatives are all prototypes (Movshovitz-Attias et al. 2017, arXiv
    1703.07464): the hardest are always among them, none has to be mined or drawn into the batch,
    and texts of one prototype never act as each other's negatives. What belongs to none is pushed
    from all alike, by its distance to the uniform distribution (outlier exposure, Hendrycks et al.
    2019, arXiv 1812.04606).

    Args:
        logits: [batch, prototypes].
        target: [batch]; below 0: none, or not known.
        outside: [batch], True for what is known to belong to none.
    """
    known = target >= 0
    loss = logits.sum() * 0.0
    if bool(known.any()):
        share = known.float().mean()
        loss = loss + classification(logits, target, smoothing=smoothing) * share
    if bool(outside.any()):
        uniform = -functional.log_softmax(logits[outside], dim=-1).mean(-1)
        loss = loss + outlier_weight * uniform.mean() * outside.float().mean()
    return loss


def corrected_softmax(logits: Tensor, target: Tensor, log_inclusion: Tensor, own: Tensor) -> Tensor:
    """Sampled softmax with the corrected logQ (Khrylchenko et al. 2025, arXiv 2507.09331).

    Negatives are weighted by one over the probability of being in the batch; the positive is
    always there and is not. The loss of a row counts as much as the model is still in doubt.

    Args:
        logits: [rows, items].
        target: [rows], the right item.
        log_inclusion: [items], logarithm of the probability that an item is in a batch.
        own: [rows, items], True for items of the same user, which are no negatives.

    Returns:
        [rows]
    """
    right = logits.gather(1, target[:, None]).squeeze(1)
    negatives = (logits - log_inclusion).masked_fill(own, NEVER)
    rest = negatives.logsumexp(1)
    doubt = torch.sigmoid(rest - right).detach()
    return doubt * (rest - right)


def listwise_softmax(logits: Tensor, is_shown: Tensor, taken: Tensor) -> Tensor:
    """Cross-entropy over a list; several right items share the target evenly.

    ListNet's top-one loss (Cao et al. 2007) for labels of 0 and 1.

    Args:
        logits, is_shown, taken: [lists, places].

    Returns:
        [lists], 0 where nothing was taken.
    """
    share = taken.float() / taken.sum(1, keepdim=True).clamp(min=1)
    log_probability = functional.log_softmax(logits.masked_fill(~is_shown, NEVER), dim=1)
    return -(share * log_probability).sum(1)
