"""banking77 from its label names alone, and from a few texts of each intent: where labels pay.

python -m benchmarks.zero_shot [--way names head full] [--shots 1 3 5] [--draws 3] [--data DIR]

Four ways to the same 77 intents, on the test set: the encoder as it is by the names of the labels
(`classify`), the same with the examples' means, a head on the frozen encoder, and a fine-tuned
encoder; the last two learn the label names as one more text each. Each draw takes other texts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from statistics import mean, stdev
from typing import Any

from benchmarks.harness import parser, report, start
from benchmarks.intents import (
    Labelled,
    accuracy,
    few_of_each,
    normalised,
    read_columns,
    tune_intents,
)
from common.models.encoder import load_encoder
from common.models.heads import Embedder
from common.models.prediction import predict
from common.models.sources.bundled import locate
from common.tuning.label_names import spoken
from common.tuning.prompting.by_embedding import EmbeddingClassifier
from common.tuning.prompting.labels import Question
from common.tuning.settings import Settings

HEAD = {"strategy": "head", "head_learning_rate": 5e-3, "epochs": 12, "label_names": True}
FULL = {"epochs": 12, "learning_rate": 1e-4, "dropout": 0.2, "adversarial": 0.5} | {
    "label_names": True
}
Way = Callable[[Labelled, int], float]


def main() -> None:
    """Measure each way with each number of texts, and report."""
    arguments = parser("banking77 from label names, and from few texts")
    arguments.add_argument("--shots", type=int, nargs="+", default=[1, 3, 5])
    arguments.add_argument("--draws", type=int, default=3)
    arguments.add_argument("--backbone", default="minilm")
    arguments.add_argument("--way", nargs="+", choices=("names", "head", "full"), default=None)
    chosen = arguments.parse_args()
    start(chosen)
    folder = chosen.data / "banking77"
    train, test = read_columns(folder / "train.csv"), read_columns(folder / "test.csv")
    by_names = _by_names(test, chosen.backbone)
    found: dict[str, object] = {
        "backbone": chosen.backbone,
        "test texts": len(test),
        "by label names alone": by_names([], chosen.seed),
    }
    ways: dict[str, Way] = {
        "names": by_names,
        "head": _tuned(test, chosen.backbone, HEAD),
        "full": _tuned(test, chosen.backbone, FULL),
    }
    for name in chosen.way or ways:
        for shots in chosen.shots:
            figures = [
                ways[name](few_of_each(train, shots, seed)[0], seed)
                for seed in range(chosen.seed, chosen.seed + chosen.draws)
            ]
            spread = f" ± {stdev(figures):.4f}" if len(figures) > 1 else ""
            found[f"{name}, {shots} of each"] = f"{mean(figures):.4f}{spread}"
    report("_".join(["zero_shot", *(chosen.way or ())]), found)


def _by_names(test: Labelled, backbone: str) -> Way:
    names = sorted({label for _, label in test})
    question = Question(
        ask="What does the customer want?", labels={name: [spoken(name) or name] for name in names}
    )
    encoder = load_encoder(locate(backbone))
    asked = predict(Embedder(encoder.pooled()), encoder, normalised(test))["embedding"]

    def measure(examples: Labelled, _: int) -> float:
        named = list(zip(normalised(examples), (label for _, label in examples), strict=True))
        directions = EmbeddingClassifier(encoder, question, named).directions
        # A text's length changes no order of its cosines.
        predicted = (asked @ directions.T).argmax(-1).tolist()
        right = [names[p] == label for p, (_, label) in zip(predicted, test, strict=True)]
        return sum(right) / len(right)

    return measure


def _tuned(test: Labelled, backbone: str, settings: Mapping[str, Any]) -> Way:
    def measure(examples: Labelled, seed: int) -> float:
        tuned, intents = tune_intents(examples, Settings(**settings, seed=seed), backbone)
        return accuracy(tuned, intents, test)

    return measure


if __name__ == "__main__":
    main()
