"""Which texts are read once in a run."""

from __future__ import annotations

from common.models.adapting.freezing import parse_strategy
from common.models.adapting.known import Known
from common.tuning.settings import Settings


def known_of(settings: Settings) -> Known:
    """Where a run with these settings keeps what its encoder has read."""
    if settings.keeps_encoder:
        return Known(0)
    # Each of these looks into the layers below, or does not bear that they are passed over.
    looks_below = (
        settings.adversarial
        or settings.torch_compile
        or settings.gradient_checkpointing
        or settings.sharded
        or settings.is_private
    )
    return Known(None if looks_below else parse_strategy(settings.strategy).top_layers or None)
