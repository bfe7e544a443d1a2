"""Bottleneck adapters: small networks after what attention and the feed-forward part give."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from common.errors import UserError
from common.models.adapting.architectures import (
    ATTENTION_OUTPUT,
    FEED_FORWARD_OUTPUT,
    layer_count,
    modules_of_layers,
)


class Bottleneck(nn.Module):
    """x + up(gelu(down(x))): [..., size] → [..., size]; it starts as the identity."""

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.down = nn.Linear(size, width)
        self.up = nn.Linear(width, size)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, inputs: Tensor) -> Tensor:
        """[..., size] → [..., size]."""
        added: Tensor = self.up(functional.gelu(self.down(inputs)))
        return inputs + added


class WithBottleneck(nn.Module):
    """A linear layer and the bottleneck after it."""

    def __init__(self, base_layer: nn.Module, bottleneck: Bottleneck) -> None:
        super().__init__()
        self.base_layer = base_layer
        self.adapter_layer = bottleneck

    def forward(self, inputs: Tensor) -> Tensor:
        """As the linear layer's."""
        found: Tensor = self.adapter_layer(self.base_layer(inputs))
        return found


def add_bottlenecks(base: Any, width: int) -> None:
    """Add two to each layer (Houlsby et al. 2019, arXiv 1902.00751); all else is frozen, in place.

    They stand before the residual connection, after attention and after the feed-forward part.

    Raises:
        UserError: it is not known where these end.
    """
    places = [
        name
        for ends in (ATTENTION_OUTPUT, FEED_FORWARD_OUTPUT)
        for name in modules_of_layers(base, ends)
    ]
    if len(places) != 2 * layer_count(base) or not places:
        raise UserError(
            f"strategy adapter: where attention and feed-forward parts of a "
            f"{base.config.model_type} end is not known here",
            hint="Take lora, which goes to every linear layer.",
        )
    base.requires_grad_(False)
    for name in places:
        parent_name, _, own = name.rpartition(".")
        parent = base.get_submodule(parent_name)
        layer = getattr(parent, own)
        bottleneck = Bottleneck(base.config.hidden_size, width).to(layer.weight.device)
        setattr(parent, own, WithBottleneck(layer, bottleneck))
