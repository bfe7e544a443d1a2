"""What privacy costs and hides: twitter_financial_news for several ε, and without a bound.

Heads start from the words of the labels in all runs, so that only fine-tuning differs. Among the
texts stand sixteen of random letters, each four times, with a sentiment that nothing in them tells.
Their exposure says how well a model knows them beside others like them that it never read: log2 of
how many there are, less log2 of the rank of its loss (Carlini et al. 2019, arXiv 1802.08232). Of
what nobody learned it is 1.4 on average, and it cannot be more than 8.

python -m benchmarks.privacy [--data DIR] [--rows 2000] [--epsilon 8 --epsilon 2]
"""

from __future__ import annotations

import math
import random
import string
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
from common.models.encoder import Encoder, load_encoder
from common.models.sources.bundled import locate
from common.records.splits import Splits
from common.tuning.finetune import Tuned, finetune
from common.tuning.settings import Settings

# Plain training takes small batches; a private step is the better, the more records share a noise.
PLAIN = {"epochs": 3, "batch_size": 32, "strategy": "lora", "learning_rate": 1e-3}
PRIVATE = {**PLAIN, "batch_size": 128, "privacy_delta": 1e-5}
PLANTED, TIMES, UNREAD = 16, 4, 255


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
            task,
            encoder,
            Splits([*train, *TIMES * _made_up(0, PLANTED)], [], []),
            settings,
            work=Path(work),
            module=module,
        )
    logits = tuned.predict(texts)["sentiment_logits"]
    return {
        "weighted F1": f1(logits.argmax(-1), right, average="weighted"),
        "exposure of the planted": _exposure(tuned),
        "minutes": tuned.seconds / 60,
        "privacy": tuned.privacy and tuned.privacy.to_json(),
        "settings": settings.model_dump(exclude_defaults=True),
    }


def _made_up(seed: int, count: int) -> list[Example]:
    draw = random.Random(seed)
    texts = [
        " ".join("".join(draw.choices(string.ascii_lowercase, k=8)) for _ in range(3))
        for _ in range(count)
    ]
    return [Example(text, draw.choice(SENTIMENTS)) for text in texts]


def _exposure(tuned: Tuned[Encoder]) -> float:
    """Mean over the planted texts."""
    examples = [*_made_up(0, PLANTED), *_made_up(1, UNREAD)]
    logits = tuned.predict([example.text for example in examples])["sentiment_logits"]
    labels = torch.tensor([SENTIMENTS.index(str(example.sentiment)) for example in examples])
    loss = torch.nn.functional.cross_entropy(logits.double(), labels, reduction="none")
    planted, unread = loss[:PLANTED], loss[PLANTED:]
    ranks = 1 + (unread[None] < planted[:, None]).sum(1)
    return float((math.log2(UNREAD + 1) - ranks.double().log2()).mean())


if __name__ == "__main__":
    main()
