"""Both texts of a pair in one batch."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from apps.finance_monitor.data import Example
from common.tuning.task import Batch


def opposite_rows(records: Sequence[Example]) -> Batch:
    """Where each text's opposite stands among those of `apart(records)`.

    Returns:
        `opposite` [texts], -1 for a text that has none; nothing where no record is a pair.
    """
    rows: list[int] = []
    for record in records:
        rows += [-1] if record.opposite is None else [len(rows) + 1, len(rows)]
    return {"opposite": torch.tensor(rows)} if len(rows) > len(records) else {}
