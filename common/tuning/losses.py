"""What models learn from: every loss that a task may take, each with its formula and its source."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

# What a logit becomes that takes no part in a softmax.
NEVER = -1e9


def classification(
    logits: Tensor,
    target: Tensor,
    *,
    smoothing: float = 0.0,
    focal: float = 0.0,
    weights: Tensor | None = None,
) -> Tensor:
    """Cross-entropy, -log p, with label smoothing (Szegedy et al. 2016, arXiv 1512.00567).

    With `focal` > 0 each text counts (1 - p)^focal: what is learned already counts less (Lin et al.
    2017, arXiv 1708.02002), which helps where some classes are rare.

    Args:
        logits: [batch, classes].
        target: [batch], class numbers; below 0: not known, and left out.
        weights: [classes], what a text of each class counts; None: as much as any.

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
    if weights is not None:
        losses = losses * weights[target]
    return losses.mean()


def paired(logits: Tensor, target: Tensor, opposite: Tensor) -> Tensor:
    """Cross-entropy of which text of a pair has which of their two classes.

    Of texts 1 and 2 of classes a and b, given that one is a and the other b: -log sigmoid(d) with
    d = (z1[a] - z1[b]) - (z2[a] - z2[b]). What the two texts share cancels out, so that only what
    tells them apart is learned (contrast sets: Gardner et al. 2020, arXiv 2004.02709; the loss of
    two scores is RankNet's, Burges et al. 2005).

    Args:
        logits: [batch, classes].
        target: [batch], class numbers; below 0: not known, and left out.
        opposite: [batch], the row of the other text of the pair; below 0: it is in none.

    Returns:
        The mean over the texts of pairs of two classes; 0 where there are none.
    """
    rows = (opposite >= 0).nonzero().squeeze(1)
    first, second = target[rows], target[opposite[rows]]
    are_known = (first >= 0) & (second >= 0) & (first != second)
    rows, first, second = rows[are_known], first[are_known], second[are_known]
    if not len(rows):
        return logits.sum() * 0.0
    other = opposite[rows]
    apart = logits[rows, first] - logits[rows, second]
    apart = apart - logits[other, first] + logits[other, second]
    return functional.softplus(-apart).mean()


def multilabel(
    logits: Tensor, target: Tensor, *, focal: float = 0.0, weights: Tensor | None = None
) -> Tensor:
    """Binary cross-entropy, summed over labels and meaned over texts: as strong as a softmax.

    Args:
        logits: [batch, labels].
        target: [batch, labels] of 0 and 1.
        focal: as in `classification`, for each label.
        weights: [labels], what it counts that a text has a label; that it has not counts 1.
    """
    target = target.float()
    losses = functional.binary_cross_entropy_with_logits(
        logits, target, pos_weight=weights, reduction="none"
    )
    if focal:
        right = torch.where(target > 0, logits.sigmoid(), (-logits).sigmoid())
        losses = losses * (1 - right) ** focal
    return losses.sum(-1).mean()


def prototype(
    logits: Tensor,
    target: Tensor,
    *,
    outside: Tensor,
    smoothing: float,
    outlier_weight: float,
    weights: Tensor | None = None,
    offsets: Tensor | None = None,
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
        weights: [prototypes], as in `classification`.
        offsets: [prototypes], added to the logits of what belongs to one.
    """
    known = target >= 0
    loss = logits.sum() * 0.0
    if bool(known.any()):
        share = known.float().mean()
        own = logits if offsets is None else logits + offsets
        loss = loss + share * classification(own, target, smoothing=smoothing, weights=weights)
    if bool(outside.any()):
        uniform = -functional.log_softmax(logits[outside], dim=-1).mean(-1)
        loss = loss + outlier_weight * uniform.mean() * outside.float().mean()
    return loss


def completion_nll(logits: Tensor, input_ids: Tensor, completion_mask: Tensor) -> Tensor:
    """Negative log-likelihood of the completion alone, -log p(token | all before it).

    Args:
        logits: [batch, tokens, vocabulary]; those at a token foretell the next one.
        input_ids, completion_mask: [batch, tokens]; the mask is 1 for what is to be written.

    Returns:
        [batch], the mean over the tokens of each completion; 0 where there is none.
    """
    following, is_learned = input_ids[:, 1:], completion_mask[:, 1:].to(logits.dtype)
    losses = functional.cross_entropy(
        logits[:, :-1].transpose(1, 2).float(), following, reduction="none"
    )
    return (losses * is_learned).sum(1) / is_learned.sum(1).clamp(min=1)


def pairwise(scores: Tensor, is_right: Tensor) -> Tensor:
    """RankNet (Burges et al. 2005): log(1 + exp(s_wrong - s_right)) of each right and wrong pair.

    Args:
        scores: [lists, places].
        is_right: [lists, places], True or False.

    Returns:
        [lists], the mean over its pairs; 0 where a list has none.
    """
    difference = scores[:, None, :] - scores[:, :, None]
    pairs = is_right[:, :, None] & ~is_right[:, None, :]
    losses = functional.softplus(difference) * pairs
    return losses.sum((1, 2)) / pairs.sum((1, 2)).clamp(min=1)


def in_batch_contrastive(
    queries: Tensor, passages: Tensor, *, scale: float = 20.0, hard: Tensor | None = None
) -> Tensor:
    """InfoNCE over cosines (van den Oord et al. 2018, arXiv 1807.03748).

    Passage i is right for query i; the others of the batch, and all hard negatives, are wrong.

    Args:
        queries, passages: [batch, width].
        hard: [negatives, width].
    """
    candidates = passages if hard is None else torch.cat([passages, hard])
    cosines = functional.normalize(queries, dim=-1) @ functional.normalize(candidates, dim=-1).T
    right = torch.arange(len(queries), device=queries.device)
    return functional.cross_entropy(scale * cosines, right)


def cosine_regression(first: Tensor, second: Tensor, target: Tensor) -> Tensor:
    """(cos(first, second) - target)^2, the mean over pairs (Reimers & Gurevych 2019, 1908.10084).

    Args:
        first, second: [pairs, width].
        target: [pairs], the cosine that is wanted.
    """
    return functional.mse_loss(functional.cosine_similarity(first, second, dim=-1), target)


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


def softmax_divergence(of_p: Tensor, of_q: Tensor) -> Tensor:
    """KL(p ‖ q) of two softmaxes: logits [batch, classes] twice → [batch]."""
    p, q = of_p.log_softmax(-1), of_q.log_softmax(-1)
    return (p.exp() * (p - q)).sum(-1)


def bernoulli_divergence(of_p: Tensor, of_q: Tensor) -> Tensor:
    """The same of a Bernoulli distribution a label, summed over labels."""
    has = of_p.sigmoid() * (functional.logsigmoid(of_p) - functional.logsigmoid(of_q))
    lacks = (-of_p).sigmoid() * (functional.logsigmoid(-of_p) - functional.logsigmoid(-of_q))
    return (has + lacks).sum(-1)
