"""A student begins as some of its teacher's layers."""

from __future__ import annotations

from typing import Any

from torch import nn


def kept_layers(of_teacher: int, count: int) -> list[int]:
    """Numbers of `count` layers, evenly spread, the first and the last among them.

    Of 12 layers these six are DistilBERT's (Sanh et al. 2019, arXiv 1910.01108): 0, 2, 4, 7, 9, 11.
    A single layer is the last.
    """
    if count == 1:
        return [of_teacher - 1]
    return [round(n * (of_teacher - 1) / (count - 1)) for n in range(count)]


def leave_out_layers(network: Any, count: int) -> None:
    """Keep `count` layers of `network`, in place."""
    layers = network.encoder.layer
    network.encoder.layer = nn.ModuleList(layers[n] for n in kept_layers(len(layers), count))
    network.config.num_hidden_layers = count
