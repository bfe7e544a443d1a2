"""One row on one work with one seed, in a process of its own, so that its memory is its own.

python -m benchmarks.recipe.run WORK SEED DATA '{"strategy": "lora"}'
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from torch import nn

from benchmarks.recipe.work import WORKS
from common.models.encoder import load_encoder
from common.models.sources.bundled import locate
from common.records.splits import Splits
from common.tuning.finetune import finetune
from common.tuning.settings import Settings


def measure(work_name: str, seed: int, data: Path, settings: dict[str, Any]) -> dict[str, float]:
    """Fine-tune with these settings; the last epoch is kept, for nothing is left to choose by.

    Returns:
        `figure`, from 0 to 1; `seconds` of one core for training; `memory`, the peak in GiB;
        `trained`, the share of parameters that learned.
    """
    work = WORKS[work_name]
    learned, held_out = work.draw(data, seed)
    chosen = Settings(**settings, seed=seed)
    backbone = load_encoder(locate(work.backbone), dropout=chosen.dropout)
    task = work.task(learned, chosen)
    started = time.process_time()
    with tempfile.TemporaryDirectory() as directory:
        tuned = finetune(
            task, backbone, Splits(learned, [], []), chosen, work=Path(directory) / "run"
        )
    seconds = time.process_time() - started
    assert isinstance(tuned.module, nn.Module)
    return {
        "figure": task.measure(tuned.predict, held_out)[work.figure],
        "seconds": seconds,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "trained": tuned.trained_parameters / tuned.all_parameters,
    }


if __name__ == "__main__":
    name, number, folder, settings_json = sys.argv[1:]
    print(json.dumps(measure(name, int(number), Path(folder), json.loads(settings_json))))
