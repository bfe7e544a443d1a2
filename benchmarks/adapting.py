"""Accuracy on banking77 by a few texts of each intent, one row for each way of adapting.

python -m benchmarks.adapting [--shots 5] [--epochs 15] [--strategies full,lora,…] [--data DIR]
"""

from __future__ import annotations

from collections import defaultdict

from benchmarks.banking77 import read
from benchmarks.harness import parser, report, start
from benchmarks.intents import Labelled, accuracy, tune_intents
from common.tuning.settings import Settings

STRATEGIES = "full,top-layers:3,lora,lora/rslora,lora/dora,adalora,ia3,adapter,prompt,prefix"


def main() -> None:
    """Fine-tune by each strategy at its own rate, measure on the test set, report."""
    arguments = parser("banking77: ways of adapting")
    arguments.add_argument("--shots", type=int, default=5, help="texts of each intent")
    arguments.add_argument("--epochs", type=int, default=15)
    arguments.add_argument(
        "--strategies", default=STRATEGIES, help="each: STRATEGY[/VARIANT][@RATE]"
    )
    chosen = arguments.parse_args()
    start(chosen)
    folder = chosen.data / "banking77"
    train, test = _few(read(folder / "train.csv"), chosen.shots), read(folder / "test.csv")
    found: dict[str, str] = {}
    for named in chosen.strategies.split(","):
        strategy, _, rate = named.partition("@")
        strategy, _, variant = strategy.partition("/")
        settings = Settings.model_validate(
            {
                "strategy": strategy,
                "lora_variant": variant or "plain",
                "learning_rate": float(rate) if rate else None,
                "epochs": chosen.epochs,
                "seed": chosen.seed,
            }
        )
        tuned, intents = tune_intents(train, settings)
        right = accuracy(tuned, intents, test)
        found[named] = (
            f"{right:.4f} at {settings.learning_rate:g}, "
            f"{tuned.trained_parameters:,} parameters, {tuned.seconds / 60:.1f} minutes"
        )
        print(f"{named}: {found[named]}", flush=True)
    report("adapting", {"training texts": len(train), "epochs": chosen.epochs, **found})


def _few(train: Labelled, shots: int) -> Labelled:
    """The first of each intent."""
    seen: defaultdict[str, int] = defaultdict(int)
    few = []
    for text, label in train:
        seen[label] += 1
        if seen[label] <= shots:
            few.append((text, label))
    return few


if __name__ == "__main__":
    main()
