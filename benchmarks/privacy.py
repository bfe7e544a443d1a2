"""What privacy costs: weighted F1 of twitter_financial_news for several ε, and without a bound.

Heads start from the words of the labels in all runs, so that only fine-tuning differs.

python -m benchmarks.privacy [--data DIR] [--rows 2000] [--epsilon 8 --epsilon 2]
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import torch

from apps.finance_monitor.data import Example
from apps.finance_monitor.privacy.records import label_words
from apps.finance_monitor.schema import SENTIMENTS
from apps.finance_monitor.task import FinanceMonitorTask
from benchmarks.finance_sentiment import read_news
from benchmarks.harness import parser, report, start
from common.evaluation.metrics import f1
from common.models.encoder import load_encoder
from common.models.sources.bundled import locate
from common.records.splits import Splits
from common.tuning.finetune import finetune
from common.tuning.settings import Settings

# Plain training takes small batches; a private step is the better, the more records share a noise.
PLAIN = {"epochs": 3, "batch_size": 32, "strategy": "lora", "learning_rate": 1e-3}
PRIVATE = {**PLAIN, "batch_size": 128, "privacy_delta": 1e-5}


def main() -> None:
    """Fine-tune with each budget and without one, and measure on the validation split."""
    arguments = parser("twitter_financial_news: what privacy costs")
    arguments.add_argument("--rows", type=int, default=2000, help="of train; 0: all")
    arguments.add_argument("--epsilon", type=float, action="append", help="default: 8")
    arguments.add_argument("--set", action="append", default=[], help="of private runs: name=value")
    chosen = arguments.parse_args()
    start(chosen)
    folder = chosen.data / "twitter_financial_news"
    train, held_out = read_news(folder / "train.csv"), read_news(folder / "valid.csv")
    train = train[:: max(1, len(train) // chosen.rows)][: chosen.rows] if chosen.rows else train
    given = dict(pair.split("=", 1) for pair in chosen.set)
    runs: list[dict[str, Any]] = [PLAIN]
    runs += [PRIVATE | given | {"privacy_epsilon": e} for e in chosen.epsilon or [8.0]]
    found = [_run(Settings(**run, seed=chosen.seed), train, held_out) for run in runs]
    report("privacy", {"training texts": len(train), "runs": found})


def _run(settings: Settings, train: list[Example], held_out: list[Example]) -> dict[str, Any]:
    task = FinanceMonitorTask(label_words(), [])
    encoder = load_encoder(locate("minilm"), dropout=settings.dropout)
    module = task.build(encoder)
    texts = [example.text for example in held_out]
    right = torch.tensor([SENTIMENTS.index(str(e.sentiment)) for e in held_out])

    with tempfile.TemporaryDirectory() as work:
        tuned = finetune(
            task, encoder, Splits(train, [], []), settings, work=Path(work), module=module
        )
    logits = tuned.predict(texts)["sentiment_logits"]
    return {
        "weighted F1": f1(logits.argmax(-1), right, average="weighted"),
        "minutes": tuned.seconds / 60,
        "privacy": tuned.privacy and tuned.privacy.to_json(),
        "settings": settings.model_dump(exclude_defaults=True),
    }


if __name__ == "__main__":
    main()
