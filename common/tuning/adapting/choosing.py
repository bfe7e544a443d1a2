"""What of a module learns, and what is read once for all because it does not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from common.errors import UserError
from common.models.adapting.adding import add_adapter, fold_adapter
from common.models.adapting.freezing import freeze, parse_strategy
from common.models.adapting.frozen_layers import PartlyFrozenPooling
from common.models.adapting.frozen_pooling import FrozenPooling
from common.models.adapting.known import Known
from common.models.adapting.quantised import quantised_as
from common.models.loading import Pretrained
from common.tuning.computing.reading import known_of
from common.tuning.settings import Settings
from common.tuning.task import EncoderModule, TaskModule


def choose_what_learns(module: TaskModule, settings: Settings) -> None:
    """Freeze, or add to, the network as the settings say.

    Raises:
        UserError: nothing would learn, or what would cannot.
    """
    _check_quantised(module.network, settings)
    if (adapter := settings.adapter) is not None:
        add_adapter(module.network, adapter)
    else:
        fold_adapter(module.network)
        strategy, base = parse_strategy(settings.strategy), module.network.base_model
        freeze(base, strategy, freeze_word_embeddings=settings.freeze_word_embeddings)
    if settings.strategy != "full":
        # The output of a causal model is often its word embeddings over again.
        for parameter in module.further:
            parameter.requires_grad = isinstance(module, EncoderModule) and (
                settings.strategy != "head"
            )
    if not any(parameter.requires_grad for parameter in module.parameters()):
        raise UserError(
            f"strategy {settings.strategy}: nothing would learn, for this task has no head",
            hint="Take full, top-layers:N or an adapter like lora.",
        )


def begin_to_learn(module: TaskModule, pretrained: Pretrained[Any], settings: Settings) -> None:
    """What learns is no longer read as it was pretrained."""
    if settings.strategy == "head" or not isinstance(module, EncoderModule):
        return
    if (known := getattr(pretrained, "known", None)) is not None:
        known.begin()
    if isinstance(module.pooled, FrozenPooling):
        module.pooled = module.pooled.thawed


@contextmanager
def reading_once(module: TaskModule, settings: Settings) -> Iterator[None]:
    """Keep what is made of texts by what does not learn, where it is not kept already."""
    if not isinstance(module, EncoderModule) or settings.adapter is not None:
        yield
        return
    pooled, top_layers = module.pooled, known_of(settings).top_layers
    if settings.strategy == "head" and not isinstance(pooled, FrozenPooling):
        module.pooled = FrozenPooling(pooled)
    elif top_layers and not isinstance(pooled, PartlyFrozenPooling):
        module.pooled = PartlyFrozenPooling(pooled, Known(top_layers))
    try:
        yield
    finally:
        module.pooled = pooled


def _check_quantised(network: Any, settings: Settings) -> None:
    held = quantised_as(network)
    if settings.quantised_base not in {None, held}:
        raise UserError(
            f"quantised_base={settings.quantised_base}: this run's model is "
            + (f"held in {held} already" if held else "held in full, for all of it is written"),
            hint="Leave quantised_base out.",
        )
    if held and settings.adapter is None and settings.strategy != "head":
        raise UserError(
            f"strategy {settings.strategy}: this model's base is held in {held}, and weights in so "
            "few bits do not learn",
            hint="Take the strategy lora, which it was fine-tuned with, or head.",
        )
