"""Accuracy on banking77, on all training texts or on a few of each intent.

python -m benchmarks.banking77 [--few [SHOTS]] [--set NAME=VALUE] [--data DIR]

Ten of each intent are the published draw; another number is drawn by the seed.
"""

from __future__ import annotations

from apps.customer_service.options_cli import DEFAULTS
from benchmarks.harness import add_settings, parser, report, start
from benchmarks.intents import few_of_each, read_columns, read_pairs, released, tune_intents
from common.tuning.configuration import read_settings

FULL = {"epochs": 5, "learning_rate": 2e-4, "adversarial": 0.5}
PUBLISHED = 10


def main() -> None:
    """Fine-tune, measure on the test set once, report."""
    arguments = parser("banking77: intent accuracy")
    arguments.add_argument(
        "--few", type=int, nargs="?", const=PUBLISHED, help="texts of each intent; default: 10"
    )
    add_settings(arguments)
    chosen = arguments.parse_args()
    start(chosen)
    folder = chosen.data / "banking77"
    train = read_columns(folder / "train.csv")
    if chosen.few == PUBLISHED:
        train = read_pairs(folder / f"train_{PUBLISHED}")
    elif chosen.few:
        train, _ = few_of_each(train, chosen.few, chosen.seed)
    own = DEFAULTS if chosen.few else FULL
    settings = read_settings(None, chosen.set, defaults=own, seed=chosen.seed)
    tuned, _ = tune_intents(train, settings)
    shots = "" if chosen.few == PUBLISHED else str(chosen.few)
    report(
        f"banking77_few{shots}" if chosen.few else "banking77",
        {
            "training texts": len(train),
            **released(tuned, train, read_columns(folder / "test.csv")),
            "share of the parameters that learned": tuned.trained_parameters / tuned.all_parameters,
            "minutes": tuned.seconds / 60,
            "settings": settings.model_dump(exclude_defaults=True),
        },
    )


if __name__ == "__main__":
    main()
