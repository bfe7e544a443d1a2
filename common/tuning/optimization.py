"""Parameter groups: deeper layers learn slower, heads learn at their own rate."""

from __future__ import annotations

from typing import Any

from torch import nn

from common.models.adapting.architectures import layer_count, layer_of
from common.tuning.settings import Settings
from common.tuning.task import TaskModule


def parameter_groups(module: TaskModule, settings: Settings) -> list[dict[str, Any]]:
    """Groups for a torch optimizer, one for each learning rate and weight decay.

    The network's top layer learns at `learning_rate`, each one below at `layer_decay` times the
    rate above it (Howard & Ruder 2018, arXiv 1801.06146), the embeddings lowest. Biases, norms
    and heads are not decayed: a cosine head's length means nothing.
    """
    base: Any = module.network.base_model
    layers, within = layer_count(base), {id(parameter) for parameter in base.parameters()}
    above = {id(parameter) for parameter in module.further}
    head_rate = settings.head_learning_rate or settings.learning_rate
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in module.named_parameters():
        if not parameter.requires_grad:
            continue
        if id(parameter) in within:
            rate = settings.learning_rate * settings.layer_decay ** _below_top(name, layers)
        else:
            rate = settings.learning_rate if id(parameter) in above else head_rate
        is_decayed = parameter.ndim > 1 and id(parameter) in within | above
        decay = settings.weight_decay if is_decayed else 0.0
        groups.setdefault((rate, decay), []).append(parameter)
    return [
        {"params": parameters, "lr": rate, "weight_decay": decay}
        for (rate, decay), parameters in groups.items()
    ]


def _below_top(name: str, layers: int) -> int:
    layer = layer_of(name)
    return layers - 1 - (layer if layer is not None else -1)
