"""Classes of unequal size: how a head's loss makes up for it, from how often each is there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from common.tuning import losses
from common.tuning.settings import Settings

# Cui et al. take .9 to .9999: a class of more texts than 1 / (1 - β) counts as one of so many.
BETA = 0.999
Weighting = Literal["balanced", "effective"]


@dataclass(frozen=True)
class ClassLoss:
    """How classes are learned, whatever the classes are; `for_counts` fits it to those of a head.

    Attributes:
        weights: see `class_weights`.
        adjustment: τ of logit adjustment (Menon et al. 2020, arXiv 2007.07314): τ · log p(class)
            is added to the logits while they are learned, so that what is learned is what a text
            says beyond how usual its class is.
    """

    smoothing: float = 0.0
    focal: float = 0.0
    weights: Weighting | None = None
    adjustment: float = 0.0

    @classmethod
    def of(cls, settings: Settings) -> ClassLoss:
        """What the settings of a run choose."""
        return cls(
            settings.label_smoothing,
            settings.focal,
            settings.class_weights,
            settings.logit_adjustment,
        )

    def for_counts(self, counts: Tensor, total: int | None = None) -> HeadLoss:
        """For a head whose classes have `counts` [classes] training texts.

        Args:
            total: all training texts, where a text may have several of the labels or none.
        """
        if total is None:
            return HeadLoss(
                self,
                class_weights(counts, self.weights) if self.weights else None,
                self.adjustment * log_prior(counts) if self.adjustment else None,
            )
        return HeadLoss(
            self,
            label_weights(counts, total, self.weights) if self.weights else None,
            self.adjustment * log_odds(counts, total) if self.adjustment else None,
        )


class HeadLoss(nn.Module):
    """The loss of one head, with what makes up for the sizes of its classes; nothing learns here.

    Args:
        weights: [classes], what a text of each counts; of labels, what having it counts.
        offsets: [classes], added to the logits.
    """

    weights: Tensor | None
    offsets: Tensor | None

    def __init__(
        self, choice: ClassLoss, weights: Tensor | None = None, offsets: Tensor | None = None
    ) -> None:
        super().__init__()
        self.choice = choice
        # They go where the module goes, and are no part of a release.
        self.register_buffer("weights", weights, persistent=False)
        self.register_buffer("offsets", offsets, persistent=False)

    def classes(self, logits: Tensor, target: Tensor) -> Tensor:
        """`losses.classification` of this head."""
        return losses.classification(
            self._adjusted(logits),
            target,
            smoothing=self.choice.smoothing,
            focal=self.choice.focal,
            weights=self.weights,
        )

    def labels(self, logits: Tensor, target: Tensor) -> Tensor:
        """`losses.multilabel` of this head."""
        return losses.multilabel(
            self._adjusted(logits), target, focal=self.choice.focal, weights=self.weights
        )

    def prototypes(
        self, logits: Tensor, target: Tensor, *, outside: Tensor, outlier_weight: float
    ) -> Tensor:
        """`losses.prototype` of this head."""
        return losses.prototype(
            logits,
            target,
            outside=outside,
            smoothing=self.choice.smoothing,
            outlier_weight=outlier_weight,
            weights=self.weights,
            offsets=self.offsets,
        )

    def _adjusted(self, logits: Tensor) -> Tensor:
        return logits if self.offsets is None else logits + self.offsets


def class_counts(numbers: Tensor, classes: int) -> Tensor:
    """How many texts have each class: [texts] → [classes]; a number below 0 is none."""
    return torch.bincount(numbers[numbers >= 0], minlength=classes)


def class_weights(counts: Tensor, weighting: Weighting) -> Tensor:
    """What a text of each class counts, 1 on average over the texts.

    `balanced`: 1 / n of a class of n texts, so that all classes together count alike. `effective`:
    1 / E(n) with the effective number E(n) = (1 - βⁿ) / (1 - β) (Cui et al. 2019, arXiv
    1901.05555), which stops growing, so that large classes are not weighed down much further.

    Args:
        counts: [classes].
    """
    counts = counts.double()
    weights = 1 / _size(counts, weighting)
    return (weights * counts.sum() / (weights * counts).sum().clamp(min=1e-12)).float()


def label_weights(counts: Tensor, total: int, weighting: Weighting) -> Tensor:
    """What it counts that a text has a label, where 1 is what it counts that it has not.

    How many times more texts are without the label than with it, in sizes as in `class_weights`.

    Args:
        counts: [labels], texts that have each.
        total: all texts.
    """
    counts = counts.double()
    return (_size(total - counts, weighting) / _size(counts, weighting)).float()


def log_prior(counts: Tensor) -> Tensor:
    """[classes] → log p(class); a class without a text is taken to have one."""
    counts = counts.double().clamp(min=1)
    return (counts / counts.sum()).log().float()


def log_odds(counts: Tensor, total: int) -> Tensor:
    """[labels] → log p / (1 - p), one text more on either side."""
    counts = counts.double()
    return ((counts + 1) / (total - counts + 1)).log().float()


def _size(counts: Tensor, weighting: Weighting) -> Tensor:
    counts = counts.clamp(min=1)
    if weighting == "effective":
        return (1 - torch.pow(BETA, counts)) / (1 - BETA)
    return counts
