"""The stage before the heads: what its records and its settings are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from common.errors import UserError
from common.tuning.contrastive.pairs import TextPair, draw_pairs
from common.tuning.describing.needs import unevaluated
from common.tuning.settings import Settings
from common.tuning.task import Classed, EncoderModule, Task, TaskModule


def pairs_of(
    task: Task[Any], module: TaskModule, records: Sequence[Any], settings: Settings
) -> list[TextPair]:
    """The pairs that the encoder learns from; records without a class are in none.

    Raises:
        UserError: the task has no encoder, names no classes, or its records are of one class.
    """
    if not isinstance(module, EncoderModule) or not isinstance(task, Classed):
        raise UserError(
            f"contrastive_epochs: the task {task.name!r} has no texts of a class to make pairs of",
            hint="Leave it out: --set contrastive_epochs=0",
        )
    known = [(task.input(record), task.label(record)) for record in records]
    texts = [text for text, number in known if number is not None]
    classes = [number for _, number in known if number is not None]
    if len(set(classes)) < 2:
        raise UserError(
            "contrastive_epochs: the records are of fewer than two classes: there are no pairs",
            hint="Leave it out: --set contrastive_epochs=0",
        )
    return draw_pairs(texts, classes, settings.contrastive_pairs, settings.seed)


def pairs_settings(settings: Settings) -> Settings:
    """Those of the stage; where heads alone learn afterwards, the whole encoder learns in it."""
    chosen: dict[str, object] = {
        "epochs": settings.contrastive_epochs,
        "contrastive_epochs": 0,
        "pretrained_share": 0.0,
    }
    if settings.strategy == "head":
        chosen["strategy"] = "full"
    return unevaluated(settings).model_copy(update=chosen)
