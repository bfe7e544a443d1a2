"""What is known of prompts and prefixes on encoders, which are small."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.console import say_once

if TYPE_CHECKING:
    from torch import nn

# What is added by these is for large causal models.
KNOWN = {
    "prompt": "a learned prompt comes near to full fine-tuning from billions of parameters on "
    "(Lester et al. 2021, arXiv 2104.08691)",
    "prefix": "learned prefixes were made for causal models (Li & Liang 2021, arXiv 2101.00190)",
}
SMALL = 1_000_000_000


def tell_of_prompts(strategy: str, encoder: nn.Module) -> None:
    """Say what is known before an encoder learns so, once in a process."""
    parameters = sum(parameter.numel() for parameter in encoder.parameters())
    if strategy not in KNOWN or parameters >= SMALL:
        return
    say_once(
        f"strategy={strategy} on an encoder of {parameters / 1e6:,.0f} million parameters: "
        f"{KNOWN[strategy]}; with few parameters it learns slowly, and little. Usual here are lora "
        "or full."
    )
