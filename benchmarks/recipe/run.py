"""One row on one work with one seed, in a process of its own, so that its memory is its own.

python -m benchmarks.recipe.run WORK SEED DATA '{"strategy": "lora"}' [simcse]
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from torch import nn

from benchmarks.recipe.work import WORKS
from common.models.encoder import load_encoder
from common.models.sources.bundled import Source, locate
from common.records.splits import Splits
from common.tuning.distillation.ensembling import finetune_together
from common.tuning.pretraining.choices import Method
from common.tuning.pretraining.pretrain import pretrain
from common.tuning.pretraining.pretrain_cli import DEFAULTS
from common.tuning.pretraining.texts import Texts
from common.tuning.settings import Settings


def measure(
    work_name: str, seed: int, data: Path, settings: dict[str, Any], method: Method | None = None
) -> dict[str, float]:
    """Fine-tune with these settings; the last epoch is kept, for nothing is left to choose by.

    Args:
        method: how the backbone first learns from texts without labels, if at all.

    Returns:
        `figure`, from 0 to 1; `seconds` of one core for training; `memory`, the peak in GiB;
        `trained`, the share of parameters that learned.
    """
    work = WORKS[work_name]
    drawn = work.draw(data, seed)
    chosen = Settings(**settings, seed=seed)
    task = work.task(drawn.learned, chosen)
    started = time.process_time()
    with tempfile.TemporaryDirectory() as directory:
        source = locate(work.backbone)
        if method is not None:
            source = _pretrained(work.backbone, drawn.unlabelled, method, seed, Path(directory))
        load = partial(load_encoder, source, dropout=chosen.dropout)
        splits: Splits[Any] = Splits(list(drawn.learned), [], [])
        tuned = finetune_together(
            task, load(), splits, chosen, None, load=load, work=Path(directory) / "run"
        )
    seconds = time.process_time() - started
    assert isinstance(tuned.module, nn.Module)
    return {
        "figure": task.measure(tuned.predict, drawn.held_out)[work.figure],
        "seconds": seconds,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "trained": tuned.trained_parameters / tuned.all_parameters,
    }


def _pretrained(
    backbone: str, unlabelled: Sequence[str], method: Method, seed: int, directory: Path
) -> Source:
    """What `pretrain` makes of the backbone, with its own settings."""
    out = directory / "backbone"
    texts = Texts(Splits(list(unlabelled), [], []), duplicates=0, hashes={})
    settings = Settings(**DEFAULTS, seed=seed)
    pretrain(texts, settings, backbone=backbone, method=method, out=out, root=directory)
    return Source(backbone, out)


if __name__ == "__main__":
    name, number, folder, settings_json, *methods = sys.argv[1:]
    given = (name, int(number), Path(folder), json.loads(settings_json), *methods)
    print(json.dumps(measure(*given)))
