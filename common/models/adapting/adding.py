"""Put into a network what learns in its place, and compute it into the weights again."""

from __future__ import annotations

from typing import Any

from common.errors import UserError
from common.models.adapting.adapter import NOTE, Adapter, adapter_of
from common.models.adapting.bottleneck import add_bottlenecks
from common.models.adapting.low_rank import add_peft, fold_peft
from common.models.adapting.quantised import quantised_as
from common.models.adapting.soft_prompt import add_prefix, add_soft_prompt

# Parts of the names of all parameters that are added.
ADDED = ("lora_", "ia3_l", "ranknum", "adapter_layer", "soft_prompt", "prefix")


def add_adapter(network: Any, adapter: Adapter) -> None:
    """Add `adapter` to the base model of `network`, in place; of that, it alone learns.

    One that is there already goes on learning if it is the same; is it another, it is folded into
    the weights first.

    Raises:
        UserError: it has no place in this network, or another is there that cannot be folded.
    """
    base = network.base_model
    present = adapter_of(network)
    if present == adapter:
        for name, parameter in base.named_parameters():
            parameter.requires_grad = is_added(name) and "ranknum" not in name
        _freeze_a(base, adapter)
        return
    if present is not None:
        if quantised_as(network) is not None:
            raise UserError(
                f"this model was fine-tuned with strategy={present.kind} beside a quantised base, "
                "which nothing is folded into",
                hint=f"Go on with strategy={present.kind} and the same sizes.",
            )
        if not present.is_foldable:
            ((_, size),) = present.sizes.items()
            raise UserError(
                f"this model was fine-tuned with strategy={present.kind} of size {size}, "
                "which stays in it",
                hint=f"Go on with strategy={present.kind} of the same size, or with full or head.",
            )
        fold_adapter(network)
    if adapter.kind == "adapter":
        add_bottlenecks(base, adapter.width)
    elif adapter.kind == "prompt":
        add_soft_prompt(base, adapter.tokens)
    elif adapter.kind == "prefix":
        add_prefix(base, adapter.tokens)
    else:
        add_peft(base, adapter)
    _freeze_a(base, adapter)
    setattr(base, NOTE, adapter)


def fold_adapter(network: Any) -> None:
    """Compute what was added into the weights, where that is possible; else it stays.

    Beside a quantised base it stays: rounded anew, the weights would lose what was learned.
    """
    present = adapter_of(network)
    if present is not None and present.is_foldable and quantised_as(network) is None:
        fold_peft(network.base_model)
        delattr(network.base_model, NOTE)


def _freeze_a(base: Any, adapter: Adapter) -> None:
    if adapter.frozen_a:
        for name, parameter in base.named_parameters():
            if ".lora_A." in name:
                parameter.requires_grad = False


def is_added(name: str) -> bool:
    """Whether a parameter of this name is part of what was added."""
    return any(part.startswith(ADDED) for part in name.split("."))
