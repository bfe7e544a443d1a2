"""Time of fine-tuning against a plain transformers Trainer script with fixed padding.

Same model, texts, epochs, batch size and threads, in one run.

python -m benchmarks.training_time [--texts 2000]
"""

from __future__ import annotations

import csv
import tempfile
import time
from collections.abc import Sequence
from typing import Any

from benchmarks.harness import parser, report, start
from benchmarks.intents import tune_intents
from common.tuning.settings import Settings

FIXED_LENGTH = 128
BATCH = 32


def main() -> None:
    """One epoch of each, one after the other."""
    arguments = parser("training time against a plain Trainer script")
    arguments.add_argument("--texts", type=int, default=2000)
    arguments.add_argument("--epochs", type=int, default=1)
    chosen = arguments.parse_args()
    start(chosen)
    with (chosen.data / "banking77" / "train.csv").open(encoding="utf-8", newline="") as file:
        rows = [(row["text"], row["category"]) for row in csv.DictReader(file)]
    # Every fifth or so, for the file is sorted by label.
    rows = rows[:: max(1, len(rows) // chosen.texts)][: chosen.texts]
    began = time.perf_counter()
    tune_intents(rows, Settings(epochs=chosen.epochs, batch_size=BATCH))
    ours = time.perf_counter() - began
    began = time.perf_counter()
    _plain(rows, chosen.epochs)
    plain = time.perf_counter() - began
    report(
        "training_time",
        {
            "texts": len(rows),
            "epochs": chosen.epochs,
            "ours, seconds": ours,
            "plain Trainer, seconds": plain,
            "ratio": ours / plain,
        },
    )


def _plain(rows: Sequence[tuple[str, str]], epochs: int) -> None:
    """What a tutorial does: pad to a fixed length, AutoModelForSequenceClassification, Trainer."""
    from transformers import (
        AutoModelForSequenceClassification,
        AutoTokenizer,
        Trainer,
        TrainingArguments,
    )

    from common.models.sources.bundled import locate

    directory = locate("minilm").directory
    labels = sorted({label for _, label in rows})
    tokenizer = AutoTokenizer.from_pretrained(directory)
    encoded = tokenizer(
        [text for text, _ in rows],
        padding="max_length",
        truncation=True,
        max_length=FIXED_LENGTH,
    )
    data: list[dict[str, Any]] = [
        {name: values[i] for name, values in encoded.items()} | {"labels": labels.index(label)}
        for i, (_, label) in enumerate(rows)
    ]
    model = AutoModelForSequenceClassification.from_pretrained(directory, num_labels=len(labels))
    with tempfile.TemporaryDirectory() as work:
        settings = TrainingArguments(
            work,
            num_train_epochs=epochs,
            per_device_train_batch_size=BATCH,
            report_to=[],
            save_strategy="no",
            disable_tqdm=True,
        )
        Trainer(model=model, args=settings, train_dataset=data).train()


if __name__ == "__main__":
    main()
