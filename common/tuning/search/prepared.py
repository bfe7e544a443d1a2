"""What an application hands a search: its task, made ready anew for each trial."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from common.models.loading import Pretrained
from common.records.splits import Splits
from common.tuning.settings import Settings
from common.tuning.task import Task


@dataclass(frozen=True)
class Prepared:
    """What is fine-tuned in one trial, loaded anew."""

    task: Task[Any]
    pretrained: Pretrained[Any]
    splits: Splits[Any]


# Settings decide how a model is loaded and what its loss is.
Prepare = Callable[[Settings], Prepared]
