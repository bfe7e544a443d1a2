"""Heads that grow: what a class learned goes with its name, wherever that stands now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import nn

from common.models.heads import ENCODER_PREFIX


class Classes(NamedTuple):
    """The names of a head's classes, in the order of its rows, before and now."""

    old: Sequence[str]
    new: Sequence[str]

    @property
    def columns(self) -> list[int]:
        """Of each old class, its number among the new ones.

        Raises:
            ValueError: one is not among them.
        """
        number = {name: at for at, name in enumerate(self.new)}
        missing = [name for name in self.old if name not in number]
        if missing:
            raise ValueError(f"classes that are gone: {', '.join(missing)}")
        return [number[name] for name in self.old]


@torch.no_grad()
def carry_over(module: nn.Module, old: nn.Module, classes: Mapping[str, Classes]) -> None:
    """Put what the heads of `old` learned into those of `module`.

    Rows of new classes stay as they were built, from the class means.

    Args:
        classes: of each parameter that has one row a class, by its name; other parameters of the
            heads are taken whole, where both modules have them.
    """
    learned = dict(old.named_parameters())
    for name, parameter in module.named_parameters():
        if name.startswith(ENCODER_PREFIX) or name not in learned:
            continue
        if name in classes:
            parameter[classes[name].columns] = learned[name].to(parameter.device)
        else:
            parameter.copy_(learned[name])
