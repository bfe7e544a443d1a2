"""Low-rank adapters: added for training, folded into the weights afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def add_lora(encoder: PreTrainedModel, *, rank: int, alpha: int, dropout: float) -> None:
    """Add LoRA (Hu et al. 2021, arXiv 2106.09685) to every linear layer, in place.

    All else in the encoder is frozen.
    """
    from peft import LoraConfig, inject_adapter_in_model

    config = LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=dropout, target_modules="all-linear")
    inject_adapter_in_model(config, encoder)


def fold_lora(encoder: nn.Module) -> None:
    """Add the low-rank products to the weights and take the adapters out, in place.

    A release then holds an ordinary encoder: it needs no peft, and answers at full speed.
    """
    from peft.tuners.lora import LoraLayer

    for name, layer in list(encoder.named_modules()):
        if isinstance(layer, LoraLayer):
            layer.merge()
            parent = encoder.get_submodule(name.rpartition(".")[0])
            setattr(parent, name.rpartition(".")[2], layer.get_base_layer())
    # What peft noted of the adapters; the next ones would be taken for further ones beside them.
    if hasattr(encoder, "peft_config"):
        del encoder.peft_config
