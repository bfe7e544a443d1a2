"""A run's settings as transformers' Trainer takes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import TrainingArguments

from common.models.devices import pick_device
from common.records.splits import Splits
from common.tuning.settings import Settings
from common.tuning.task import Metric
from common.tuning.tracking.names import parse_tracking

OPTIMIZERS = {"adamw": "adamw_torch", "sgd": "sgd", "adafactor": "adafactor"}


def training_arguments(
    monitor: Metric, settings: Settings, work: Path, precision: str, splits: Splits[Any]
) -> TrainingArguments:
    """Where a run evaluates, checkpoints go to `work`, and the best of them is taken at its end."""
    device = pick_device(settings.device)
    steps_per_epoch = max(1, len(splits.train) // (settings.batch_size * settings.accumulation))
    each = "steps" if settings.evaluate_every else "epoch"
    return TrainingArguments(
        output_dir=str(work),
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=settings.batch_size,
        gradient_accumulation_steps=settings.accumulation,
        optim=OPTIMIZERS[settings.optimizer],
        learning_rate=settings.learning_rate,
        lr_scheduler_type=settings.schedule,
        warmup_steps=settings.warmup,
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.gradient_clipping,
        bf16=precision == "bf16",
        fp16=precision == "fp16",
        use_cpu=device.type == "cpu",
        seed=settings.seed,
        data_seed=settings.seed,
        eval_strategy=each if splits.validation else "no",
        eval_steps=settings.evaluate_every or None,
        save_strategy=each if splits.validation else "epoch",
        save_steps=settings.evaluate_every or 500,
        save_total_limit=2,
        load_best_model_at_end=bool(splits.validation),
        metric_for_best_model=f"eval_{monitor.name}",
        greater_is_better=monitor.higher_is_better,
        logging_steps=max(1, steps_per_epoch // 10),
        # A loss that is no number is to be seen, not to be left out of the mean.
        logging_nan_inf_filter=False,
        report_to=[name for name in parse_tracking(settings.tracking) if name == "tensorboard"],
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=device.type == "cuda",
        accelerator_config={"non_blocking": device.type == "cuda"},
        label_names=[],
        ddp_find_unused_parameters=False,
    )
