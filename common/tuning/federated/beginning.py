"""A round begins: from a pretrained model, a release, or where the round before it ended."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import UserError
from common.files import read_json
from common.models.sources import catalog
from common.models.sources.bundled import Source
from common.tuning.federated.round import (
    CLASSES,
    HEADS,
    JOINT,
    MODEL,
    ROUND,
    Round,
    check_names,
    fewest,
    weights_of,
)
from common.tuning.settings import Settings

if TYPE_CHECKING:
    from torch import Tensor

STRATEGIES = ("lora", "head")
# Those of one training of which only the weights are sent.
ALWAYS = {"keep_adapter": True, "lora_frozen_a": True}
UNUSED = (
    *("lora_variant", "seeds", "averaging", "pretrained_share"),
    *("contrastive_epochs", "freeze_word_embeddings"),
)
# A party loads its model as a whole, and holds rows of its heads as they are.
WHOLE = ("quantised_base", "sharded")


@dataclass(frozen=True)
class Start:
    """The model that a round starts from.

    Attributes:
        classes: head → the labels of its rows; every head is named.
    """

    source: Source
    heads: Mapping[str, Tensor]
    classes: Mapping[str, Sequence[str]]


def begin(
    directory: Path,
    application: str,
    parties: Sequence[str],
    start: Start,
    settings: Settings,
    *,
    clipping: float,
    masked: bool,
) -> Round:
    """Write a new round.

    Raises:
        UserError: there is one already, settings that cannot be, or names that cannot be told
            apart.
    """
    from safetensors.torch import save_file

    if (directory / ROUND).exists():
        raise UserError(
            "there is a round already", where=str(directory), hint="Name another directory."
        )
    check_names(parties, fewest(masked))
    named = is_named(start.source)
    made = Round(
        directory=directory,
        application=application,
        base=start.source.name if named else "",
        weights=weights_of(start.source),
        parties=tuple(parties),
        settings=settings,
        classes={head: list(labels) for head, labels in start.classes.items()},
        clipping=clipping,
        masked=masked,
        seed=secrets.randbits(48),
    )
    made.start.mkdir(parents=True, exist_ok=True)
    save_file({n: one.contiguous() for n, one in start.heads.items()}, made.start / HEADS)
    if not named:
        shutil.copytree(start.source.directory, made.start / MODEL, dirs_exist_ok=True)
    made.write()
    return made


def settings_of(settings: Settings) -> Settings:
    """The settings of a round: what is added stays apart, and its A is nobody's.

    Raises:
        UserError: a strategy or a setting whose result is no sum of what the parties learned.
    """
    from common.tuning.configuration import (
        OF_CONTINUAL,
        OF_DISTILLATION,
        OF_PAIRS,
        OF_UNLABELLED,
        refuse_settings,
    )

    if settings.strategy not in STRATEGIES:
        raise UserError(
            f"strategy={settings.strategy}: parties send what was added to the model, or the heads",
            hint=f"Take {' or '.join(STRATEGIES)}.",
        )
    refuse_settings(settings, UNUSED, "a round takes the mean of what single runs add")
    refuse_settings(
        settings,
        [*OF_CONTINUAL, *OF_DISTILLATION, *OF_PAIRS, *OF_UNLABELLED],
        "a party learns from its own labels, and nothing besides",
    )
    refuse_settings(settings, WHOLE, "a party learns in one process, with its model in full")
    if settings.strategy == "head":
        return settings
    return settings.but(**ALWAYS)


def is_named(source: Source) -> bool:
    """Whether every machine finds the model by its name."""
    return source.name in catalog.CHECKPOINTS or (
        source.name.count("/") == 1
        and not Path(source.name).exists()
        and "hub" in source.directory.parts
    )


def beginning_of(found: Round) -> Start:
    """What a round started from."""
    from safetensors.torch import load_file

    return Start(found.source, load_file(found.start / HEADS), found.classes)


def after(directory: Path) -> Start:
    """What the round in `directory` ended with.

    Raises:
        UserError: it has not ended.
    """
    from safetensors.torch import load_file

    from common.models.sources.bundled import locate

    joint = directory / JOINT
    if not (joint / CLASSES).is_file():
        raise UserError(
            "this round has not ended", where=str(directory), hint="federate aggregate DIR"
        )
    return Start(locate(str(joint / MODEL)), load_file(joint / HEADS), read_json(joint / CLASSES))
