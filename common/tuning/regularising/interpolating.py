"""Between the weights before and after: what a model knew of other texts is not all given up."""

from __future__ import annotations

import torch
from torch import nn


class Interpolation:
    """Weight-space ensembling (WiSE-FT, Wortsman et al. 2022, arXiv 2109.01903).

    Heads take part: theirs before are class means of what the model made of the texts then.

    Args:
        module: as it is before it learns; what is frozen stays.
        share: of the weights before in the mean, 0 to 1.
    """

    def __init__(self, module: nn.Module, share: float) -> None:
        self._share = share
        self._learns = {n: p for n, p in module.named_parameters() if p.requires_grad}
        self._before = {n: p.detach().clone() for n, p in self._learns.items() if share}

    @torch.no_grad()
    def apply(self) -> None:
        """Leave the mean in the module."""
        for name, before in self._before.items():
            self._learns[name].lerp_(before, self._share)
