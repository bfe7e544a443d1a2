"""Accuracy on HWU64, on a few texts of each intent or on all of them.

python -m benchmarks.hwu64 [--few 10] [--all] [--set NAME=VALUE] [--data DIR]
"""

from __future__ import annotations

from apps.customer_service.options_cli import DEFAULTS
from benchmarks.harness import add_settings, parser, report, start
from benchmarks.intents import few_of_each, read_pairs, released, tune_intents
from common.tuning.configuration import read_settings

FULL = {"epochs": 5, "learning_rate": 2e-4, "adversarial": 0.5}


def main() -> None:
    """Fine-tune, measure on the test set once, report."""
    arguments = parser("HWU64: intent accuracy")
    arguments.add_argument("--few", type=int, default=10, help="texts of each intent")
    arguments.add_argument("--all", action="store_true", help="all training texts")
    add_settings(arguments)
    chosen = arguments.parse_args()
    start(chosen)
    folder = chosen.data / "hwu64"
    train = read_pairs(folder / "train")
    if not chosen.all:
        train, _ = few_of_each(train, chosen.few, chosen.seed)
    own = FULL if chosen.all else DEFAULTS
    settings = read_settings(None, chosen.set, defaults=own, seed=chosen.seed)
    tuned, intents = tune_intents(train, settings)
    report(
        "hwu64" if chosen.all else f"hwu64_few{chosen.few}",
        {
            "training texts": len(train),
            "intents": len(intents),
            **released(tuned, train, read_pairs(folder / "test")),
            "minutes": tuned.seconds / 60,
            "settings": settings.model_dump(exclude_defaults=True),
        },
    )


if __name__ == "__main__":
    main()
