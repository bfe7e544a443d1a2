"""Where the parts of a transformer stand in it, by the names that its family gives them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

# Where the layers stand: BERT and its kin, GPT-2, Llama.
LAYER = re.compile(r"(?:^|\.)(?:layer|layers|h|block)\.(\d+)\.")
# What attention, and what the feed-forward part of a layer, ends with: BERT and its kin; Llama and
# its kin; GPT-2; DistilBERT; ModernBERT; MPNet; GPT-NeoX; Phi and OPT.
ATTENTION_OUTPUT = re.compile(
    r"(attention\.output\.dense|o_proj|attn\.c_proj|out_lin|attn\.Wo|attn\.o|attention\.dense"
    r"|self_attn\.dense|out_proj)$"
)
FEED_FORWARD_OUTPUT = re.compile(
    r"((?<!attention\.)output\.dense|down_proj|mlp\.c_proj|lin2|mlp\.Wo|dense_4h_to_h|fc2)$"
)
# Keys and values; some families compute them in one matrix with the queries.
KEYS_AND_VALUES = re.compile(
    r"\.(key|value|k_proj|v_proj|k_lin|v_lin|attn\.k|attn\.v|c_attn|Wqkv|query_key_value)$"
)


def layer_of(parameter: str) -> int | None:
    """The encoder layer a parameter belongs to; None for embeddings and what stands above."""
    found = LAYER.search(parameter)
    return int(found[1]) if found else None


def layer_count(encoder: nn.Module) -> int:
    """How many layers the encoder has."""
    layers = (layer_of(name) for name, _ in encoder.named_parameters())
    return 1 + max((layer for layer in layers if layer is not None), default=-1)


def layers_of(encoder: nn.Module) -> list[nn.Module]:
    """The layers themselves, the lowest first; none where they have no place that is known."""
    for name, _ in encoder.named_parameters():
        if found := LAYER.search(name):
            return [*encoder.get_submodule(name[: found.start(1) - 1]).children()]
    return []


def modules_of_layers(encoder: nn.Module, names: re.Pattern[str]) -> list[str]:
    """Names of the modules within layers that `names` finds."""
    return [
        name
        for name, _ in encoder.named_modules()
        if layer_of(name) is not None and names.search(name)
    ]
