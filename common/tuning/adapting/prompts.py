"""What is known of prompts and prefixes on encoders, which are small."""

from __future__ import annotations

# What is added by these is for large causal models.
KNOWN = {
    "prompt": "a learned prompt comes near to full fine-tuning from billions of parameters on "
    "(Lester et al. 2021, arXiv 2104.08691)",
    "prefix": "learned prefixes were made for causal models (Li & Liang 2021, arXiv 2101.00190)",
}
SMALL = 1_000_000_000


def known_of_prompts(strategy: str, parameters: int) -> str | None:
    """A line to say before an encoder learns so; None where there is nothing to say.

    Args:
        parameters: of the encoder.
    """
    if strategy not in KNOWN or parameters >= SMALL:
        return None
    return (
        f"strategy={strategy} on an encoder of {parameters / 1e6:,.0f} million parameters: "
        f"{KNOWN[strategy]}; with few parameters it learns slowly, and little. Usual here are lora "
        "or full."
    )
