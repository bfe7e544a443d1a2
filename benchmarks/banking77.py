"""Accuracy on banking77, on all training texts and on 10 of each intent.

python -m benchmarks.banking77 [--few] [--data DIR]
"""

from __future__ import annotations

import csv
from pathlib import Path

from benchmarks.harness import parser, report, start
from benchmarks.intents import Labelled, accuracy, tune_intents
from common.tuning.settings import Settings

FULL = {"epochs": 5, "learning_rate": 2e-4, "adversarial": 0.5}
FEW = {"epochs": 12, "learning_rate": 1e-4, "dropout": 0.2, "adversarial": 0.5}


def main() -> None:
    """Fine-tune, measure on the test set once, report."""
    arguments = parser("banking77: intent accuracy")
    arguments.add_argument("--few", action="store_true", help="10 texts of each intent")
    chosen = arguments.parse_args()
    start(chosen)
    folder = chosen.data / "banking77"
    train = _read_ten(folder / "train_10") if chosen.few else _read(folder / "train.csv")
    settings = Settings(**(FEW if chosen.few else FULL), seed=chosen.seed)
    tuned, intents = tune_intents(train, settings)
    report(
        "banking77_few" if chosen.few else "banking77",
        {
            "training texts": len(train),
            "test accuracy": accuracy(tuned, intents, _read(folder / "test.csv")),
            "minutes": tuned.seconds / 60,
            "settings": settings.model_dump(exclude_defaults=True),
        },
    )


def _read(path: Path) -> Labelled:
    with path.open(encoding="utf-8", newline="") as file:
        return [(row["text"], row["category"]) for row in csv.DictReader(file)]


def _read_ten(folder: Path) -> Labelled:
    texts = (folder / "seq.in").read_text(encoding="utf-8").splitlines()
    labels = (folder / "label").read_text(encoding="utf-8").splitlines()
    return list(zip(texts, labels, strict=True))


if __name__ == "__main__":
    main()
