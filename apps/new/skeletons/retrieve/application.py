"""What this application tells of itself; everything else is bizlm's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from apps.new.skeletons.retrieve import schema
from common.applications.application import Application

if TYPE_CHECKING:
    from apps.new.skeletons.retrieve.release import Model
    from apps.new.skeletons.retrieve.task import OwnTask


def _find_task() -> type[OwnTask]:
    from apps.new.skeletons.retrieve.task import OwnTask

    return OwnTask


def _find_model() -> type[Model]:
    from apps.new.skeletons.retrieve.release import Model

    return Model


APPLICATION = Application(
    name="retrieve",
    row=schema.Row,
    examples_of=schema.examples_of,
    audited=schema.audited,
    learned=schema.learned,
    corrected=("passage",),
    has_classes=False,
    find_task=_find_task,
    find_model=_find_model,
    card=Path(__file__).with_name("card.toml"),
)
