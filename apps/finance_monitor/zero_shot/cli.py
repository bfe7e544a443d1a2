"""`classify`: label news before there is a release."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from apps.finance_monitor.schema import TrainingRecord
from common.cli import new_app
from common.tuning.prompting.classify_cli import add_classify_verb

if TYPE_CHECKING:
    from common.tuning.prompting.labels import Labelled


def _read(path: Path, mapping: Mapping[str, str]) -> list[Labelled]:
    from apps.finance_monitor.data import read_labelled

    return read_labelled(path, mapping)


verbs = new_app("Label news without a release.")
add_classify_verb(
    verbs, Path(__file__).with_name("labels.toml"), TrainingRecord.model_fields, _read
)
