"""What peft adds to linear layers, and folds into their weights: LoRA, AdaLoRA and (IA)³."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from torch import nn

from common.errors import UserError
from common.models.adapting.adapter import Adapter
from common.models.adapting.architectures import (
    FEED_FORWARD_OUTPUT,
    KEYS_AND_VALUES,
    modules_of_layers,
)

if TYPE_CHECKING:
    from peft import PeftConfig

# What peft calls the only one that is added.
NAME = "default"


def add_peft(base: Any, adapter: Adapter) -> None:
    """Add LoRA, AdaLoRA or (IA)³ in place; all else in `base` is frozen.

    LoRA (Hu et al. 2021, arXiv 2106.09685) and AdaLoRA (Zhang et al. 2023, arXiv 2303.10512) go
    to every linear layer, (IA)³ (Liu et al. 2022, arXiv 2205.05638) to keys, values and what the
    feed-forward part ends with. Variants of LoRA: `rslora` scales by alpha / √rank (Kalajdzievski
    2023, arXiv 2312.03732), `dora` learns length and direction of the weights apart (Liu et al.
    2024, arXiv 2402.09353).

    Raises:
        UserError: (IA)³ does not know where keys and values are.
    """
    from peft import inject_adapter_in_model

    with warnings.catch_warnings():
        # It says of GPT-2's layers which way their weights lie, and has it right.
        warnings.filterwarnings("ignore", message="fan_in_fan_out is set")
        inject_adapter_in_model(_config(base, adapter), base, adapter_name=NAME)


def fold_peft(base: nn.Module) -> None:
    """Compute what was added into the weights and take it out, in place.

    A release then holds an ordinary encoder: it needs no peft, and answers at full speed.
    """
    from peft.tuners.tuners_utils import BaseTunerLayer

    for name, layer in list(base.named_modules()):
        if isinstance(layer, BaseTunerLayer):
            layer.merge()
            parent = base.get_submodule(name.rpartition(".")[0])
            setattr(parent, name.rpartition(".")[2], layer.get_base_layer())
    # What peft noted; what is added next would be taken for a further one beside it.
    del base.peft_config


def _config(base: Any, adapter: Adapter) -> PeftConfig:
    from peft import AdaLoraConfig, IA3Config, LoraConfig

    if adapter.kind == "ia3":
        ends = modules_of_layers(base, FEED_FORWARD_OUTPUT)
        keys_and_values = modules_of_layers(base, KEYS_AND_VALUES)
        if not ends or not keys_and_values:
            raise UserError(
                f"strategy ia3: keys, values or feed-forward parts of a {base.config.model_type} "
                "are not known here",
                hint="Take lora, which goes to every linear layer.",
            )
        return IA3Config(target_modules=keys_and_values + ends, feedforward_modules=ends)
    shared: dict[str, Any] = {
        "lora_alpha": adapter.alpha,
        "lora_dropout": adapter.dropout,
        "target_modules": "all-linear",
    }
    if adapter.kind == "adalora":
        # The schedule is set once the number of steps is known.
        return AdaLoraConfig(
            init_r=adapter.initial_rank, target_r=adapter.rank, total_step=1, **shared
        )
    return LoraConfig(
        r=adapter.rank,
        use_rslora=adapter.variant == "rslora",
        use_dora=adapter.variant == "dora",
        **shared,
    )
