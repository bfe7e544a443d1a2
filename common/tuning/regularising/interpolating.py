"""Between the weights before and after: what a model knew of other texts is not all given up."""

from __future__ import annotations

from typing import Any

import torch

from common.tuning.describing.needs import unevaluated
from common.tuning.settings import Settings
from common.tuning.task import TaskModule


class Interpolation:
    """Weight-space ensembling (WiSE-FT, Wortsman et al. 2022, arXiv 2109.01903).

    Heads take no part: they tell apart what the encoder made of texts when they learned, and are
    fitted again to what it makes of them now, see `settings_of_heads`.

    Args:
        module: as it is before it learns; what is frozen stays.
        share: of the weights before in the mean, 0 to 1.
    """

    def __init__(self, module: TaskModule, share: float) -> None:
        self._share = share
        base: Any = module.network.base_model
        pretrained = {*base.parameters(), *module.further}
        learns = [one for one in pretrained if one.requires_grad and share]
        self._before = [(one, one.detach().clone()) for one in learns]
        self._has_heads = any(one not in pretrained for one in module.parameters())

    @torch.no_grad()
    def apply(self) -> bool:
        """Leave the mean in the module; whether heads are to be fitted to it."""
        for learned, before in self._before:
            learned.lerp_(before, self._share)
        return self._has_heads and bool(self._before)


def settings_of_heads(settings: Settings) -> Settings:
    """Of the stage in which heads alone learn on, the encoder as it stands."""
    return unevaluated(settings).model_copy(
        update={
            "strategy": "head",
            "pretrained_share": 0.0,
            "averaging": None,
            "contrastive_epochs": 0,
            "r_drop": 0.0,
            "back_translation": None,
            # They are among the records already.
            "label_names": False,
            "torch_compile": False,
            "gradient_checkpointing": False,
            "sharded": False,
        }
    )
