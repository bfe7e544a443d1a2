"""R-Drop: a batch read twice, each time with other dropout, is to be read alike."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from common.errors import UserError
from common.tuning.task import Batch, TaskModule


class RDrop:
    """R-Drop (Liang et al. 2021, arXiv 2106.14448), a `LossTerm`.

    The loss becomes ½ (L₁ + L₂) + `weight` · ½ (KL(p₁ ‖ p₂) + KL(p₂ ‖ p₁)) of two passes over
    the same batch. p is a softmax where an output's labels exclude each other, a Bernoulli
    distribution for each label where they do not (`TaskModule.independent_logits`), and one for
    each text or pair that has a single score. Of a generator it is the distribution over the next
    token, of the completion alone. What has no logits is compared by the cosine of its vectors.

    Raises:
        UserError: the module has no dropout, so that both passes would be the same.
    """

    def __init__(self, weight: float, module: TaskModule) -> None:
        if not any(
            isinstance(part, nn.Dropout) and part.p > 0 for part in module.network.modules()
        ):
            raise UserError(
                "r_drop: this model has no dropout, and would read a batch twice the same way",
                hint="Give it some: --set dropout=0.1",
            )
        self.weight = weight
        self.independent = frozenset(module.independent_logits)

    def __call__(self, module: nn.Module, batch: Batch, outputs: dict[str, Tensor]) -> Tensor:
        """The second pass's loss in place of half the first's, and how far the two are apart."""
        again: dict[str, Tensor] = module(**batch)
        apart = [self._apart(name, outputs[name], again[name], batch) for name in _compared(again)]
        return 0.5 * (again["loss"] - outputs["loss"]) + self.weight * torch.stack(apart).sum()

    def _apart(self, name: str, first: Tensor, second: Tensor, batch: Batch) -> Tensor:
        if not name.endswith(("logits", "score")):
            return (1 - functional.cosine_similarity(first, second, dim=-1)).mean()
        if first.ndim == 1:
            return between_bernoullis(first[:, None], second[:, None]).mean()
        if name in self.independent:
            return between_bernoullis(first, second).mean()
        if "completion_mask" in batch:
            written = batch["completion_mask"][:, 1:].float()
            apart = between_softmaxes(first[:, :-1], second[:, :-1])
            return (apart * written).sum() / written.sum().clamp(min=1)
        return between_softmaxes(first, second).mean()


def between_softmaxes(first: Tensor, second: Tensor) -> Tensor:
    """Symmetric divergence, ½ Σ (p − q) (log p − log q): [..., classes] twice → [...]."""
    p, q = first.float().log_softmax(-1), second.float().log_softmax(-1)
    return 0.5 * ((p.exp() - q.exp()) * (p - q)).sum(-1)


def between_bernoullis(first: Tensor, second: Tensor) -> Tensor:
    """The same of a Bernoulli distribution a label, summed: ½ Σ (p − q) (logit p − logit q)."""
    first, second = first.float(), second.float()
    return 0.5 * ((first.sigmoid() - second.sigmoid()) * (first - second)).sum(-1)


def _compared(outputs: dict[str, Tensor]) -> list[str]:
    """All logits; a score or, without any, the vectors."""
    logits = [name for name in outputs if name.endswith("logits")]
    if logits:
        return logits
    for name in ("score", "embedding"):
        if name in outputs:
            return [name]
    raise UserError("r_drop: this task's model has no output whose two readings could be compared")
