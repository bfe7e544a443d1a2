"""Fine-tune the toy task in a process of its own: MODEL WORK OUT [name=value …] [--resume]."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[3]), str(Path(__file__).parent)]

import torch
from toy import KINDS, tune
from transformers import TrainerCallback

from common.tuning import callbacks, finetune, trainer

model, work, out, *pairs = sys.argv[1:]
resume = "--resume" in pairs
settings = dict(pair.split("=") for pair in pairs if "=" in pair)
die_after = int(settings.pop("die_after", 0))
written = settings.pop("written", None)


class Die(TrainerCallback):
    """Dies as by `kill -9`, right after a checkpoint."""

    def on_save(self, args, state, control, **_):  # type: ignore[no-untyped-def]
        if state.epoch >= die_after:
            os.kill(os.getpid(), signal.SIGKILL)


if die_after:
    shown = callbacks.ShowProgress
    trainer.ShowProgress = type("ShownThenDead", (Die, shown), {})  # type: ignore[misc]
torch.set_num_threads(1)
tuned = tune(Path(model), Path(work), resume=resume, **settings)
if finetune.is_main_process():
    weights = {
        name: tensor.flatten()[:8].tolist() for name, tensor in tuned.module.state_dict().items()
    }
    if written:
        KINDS[settings.get("kind", "encoder")][2](tuned.pretrained, Path(written))
    steps = [entry["step"] for entry in tuned.history if "loss" in entry]
    Path(out).write_text(json.dumps({"after": tuned.after, "weights": weights, "steps": steps}))
