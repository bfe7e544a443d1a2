"""Labels saved by `suggest-labels`: how many random ones reach the same accuracy.

python -m benchmarks.suggest_labels [--dataset banking77|hwu64|clinc150] [--data DIR]

Frozen vectors of minilm under a logistic regression, fitted anew after every round of labels: what
is measured is the choice of the texts, not the fine-tuning. The method was chosen on the validation
texts of hwu64 and clinc150; banking77's test texts were looked at once.
"""

from __future__ import annotations

import csv
import json
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness import parser, report, start
from benchmarks.intents import Labelled, normalised
from common.learning.labelling.vectors import read_frozen
from common.tuning.labelling.suggestions import margins, suggest

BATCH, ROUNDS, RANDOM_ROUNDS = 150, 9, 30
SEEDS = 5
LENGTH = 10.0

Vectors = NDArray[np.float32]
Curve = list[float]


def main() -> None:
    """Label in rounds, by suggestion and at random, and compare the two curves."""
    arguments = parser("labels saved by choosing what to label")
    arguments.add_argument(
        "--dataset", choices=("banking77", "hwu64", "clinc150"), default="banking77"
    )
    arguments.add_argument("--vectors", type=Path, help="keep the vectors in this folder")
    chosen = arguments.parse_args()
    start(chosen)
    train, held_out = _read(chosen.data, chosen.dataset)
    with tempfile.TemporaryDirectory() as folder:
        cache = chosen.vectors or Path(folder)
        vectors, asked = (
            _unit(read_frozen(normalised(part), "minilm", cache)) for part in (train, held_out)
        )
    labels, right = (np.array([label for _, label in part]) for part in (train, held_out))
    curves: dict[str, NDArray[np.float64]] = {}
    for name, rounds in (("suggested", ROUNDS), ("random", RANDOM_ROUNDS)):
        found = [
            _label(name, vectors, labels, asked, right, rounds, chosen.seed + seed)
            for seed in range(SEEDS)
        ]
        curves[name] = np.array(found)
    report(
        f"suggest_labels_{chosen.dataset}",
        {
            "texts to choose from": len(train),
            "measured on": len(held_out),
            "seeds": SEEDS,
            "labels: accuracy suggested, at random, labels random needs, saved": {
                str(count): _compare(curves, round_) for round_, count in enumerate(_counts(ROUNDS))
            },
        },
    )


def _counts(rounds: int) -> list[int]:
    return [BATCH * (round_ + 1) for round_ in range(rounds + 1)]


def _label(
    name: str,
    vectors: Vectors,
    labels: NDArray[np.str_],
    asked: Vectors,
    right: NDArray[np.str_],
    rounds: int,
    seed: int,
) -> Curve:
    """Accuracy after each round; the first labels are random in any case."""
    from sklearn.linear_model import LogisticRegression

    random = np.random.default_rng(seed)
    known = random.choice(len(vectors), BATCH, replace=False)
    curve = []
    for round_ in range(rounds + 1):
        model = LogisticRegression(max_iter=300).fit(vectors[known], labels[known])
        curve.append(float((model.predict(asked) == right).mean()))
        if round_ == rounds:
            break
        rest = np.setdiff1d(np.arange(len(vectors)), known)
        if name == "random":
            more = random.choice(len(rest), BATCH, replace=False)
        else:
            margin = margins(model.predict_proba(vectors[rest]))
            more = suggest(margin, vectors[rest], BATCH, seed=seed + round_)
        known = np.concatenate([known, rest[more]])
    return curve


def _compare(curves: dict[str, NDArray[np.float64]], round_: int) -> str:
    """One line: accuracies with their standard deviation, and what random needs for the first."""
    suggested = curves["suggested"][:, round_]
    other = curves["random"][:, round_]
    mean = np.maximum.accumulate(curves["random"].mean(0))
    counts = _counts(RANDOM_ROUNDS)
    reached = suggested.mean() <= mean[-1]
    needed = float(np.interp(suggested.mean(), mean, counts))
    count = counts[round_]
    return (
        f"{suggested.mean():.4f} ± {suggested.std(ddof=1):.4f}, {other.mean():.4f} ± "
        f"{other.std(ddof=1):.4f}, {'' if reached else 'more than '}{needed:.0f}, "
        f"{1 - count / needed:.0%}"
    )


def _unit(vectors: Vectors) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Vectors = vectors / lengths * LENGTH
    return unit


def _read(data: Path, dataset: str) -> tuple[Labelled, Labelled]:
    """What may be labelled, and what is measured on: the test set of banking77 alone."""
    if dataset == "clinc150":
        found = json.loads((data / dataset / "data_full.json").read_text(encoding="utf-8"))
        return found["train"], found["val"]
    if dataset == "hwu64":
        return _pairs(data / dataset / "train"), _pairs(data / dataset / "valid")
    return _table(data / dataset / "train.csv"), _table(data / dataset / "test.csv")


def _pairs(folder: Path) -> Labelled:
    texts, labels = (
        (folder / name).read_text(encoding="utf-8").splitlines() for name in ("seq.in", "label")
    )
    return list(zip(texts, labels, strict=True))


def _table(path: Path) -> Labelled:
    with path.open(encoding="utf-8", newline="") as file:
        return [(row["text"], row["category"]) for row in csv.DictReader(file)]


if __name__ == "__main__":
    main()
