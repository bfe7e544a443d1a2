"""Weighted F1 on the validation split of twitter_financial_news, chosen by a part of train.

python -m benchmarks.finance_sentiment [--data DIR]
"""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path

import torch

from apps.finance_monitor.data import Example
from apps.finance_monitor.schema import SENTIMENTS
from apps.finance_monitor.stories.text import prepare
from apps.finance_monitor.task import FinanceMonitorTask
from benchmarks.harness import parser, report, start
from common.evaluation.metrics import accuracy, f1
from common.models.encoder import load_encoder
from common.models.sources.bundled import locate
from common.records.splits import Splits
from common.tuning.finetune import finetune
from common.tuning.imbalance import ClassLoss
from common.tuning.settings import Settings

# Chosen on a fifth of train that was held out.
SETTINGS = {
    "epochs": 5,
    "learning_rate": 2e-4,
    "adversarial": 0.5,
    "label_smoothing": 0.1,
    "averaging": "ema",
}


def main() -> None:
    """Fine-tune, measure on the validation split once, report."""
    arguments = parser("twitter_financial_news: sentiment")
    arguments.add_argument("--set", action="append", default=[], help="a setting: name=value")
    arguments.add_argument(
        "--choose", action="store_true", help="hold a fifth of train out, leave valid.csv alone"
    )
    chosen = arguments.parse_args()
    start(chosen)
    folder = chosen.data / "twitter_financial_news"
    train = read_news(folder / "train.csv")
    held_out = train[::5] if chosen.choose else read_news(folder / "valid.csv")
    train = [e for i, e in enumerate(train) if i % 5] if chosen.choose else train
    given = dict(pair.split("=", 1) for pair in chosen.set)
    settings = Settings(**{**SETTINGS, **given}, seed=chosen.seed)
    task = FinanceMonitorTask(train, [], ClassLoss.of(settings))
    backbone = load_encoder(locate("minilm"), dropout=settings.dropout)
    with tempfile.TemporaryDirectory() as work:
        tuned = finetune(task, backbone, Splits(train, [], []), settings, work=Path(work))
    logits = tuned.predict([example.text for example in held_out])["sentiment_logits"]
    right = torch.tensor([SENTIMENTS.index(e.sentiment) for e in held_out])
    metrics = {
        "training texts": len(train),
        "weighted F1": f1(logits.argmax(-1), right, average="weighted"),
        "accuracy": accuracy(logits.argmax(-1), right),
        "minutes": tuned.seconds / 60,
        "settings": settings.model_dump(exclude_defaults=True),
    }
    if chosen.choose:
        print(metrics)
    else:
        report("finance_sentiment", metrics)


def read_news(path: Path) -> list[Example]:
    """The texts of a file, with their sentiments."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [Example(prepare(row["text"]), row["label"]) for row in rows]


if __name__ == "__main__":
    main()
