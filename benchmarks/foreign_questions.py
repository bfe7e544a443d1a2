"""What is held back where nobody gave out-of-scope examples: ten intents of banking77 alone.

python -m benchmarks.foreign_questions [--data DIR]
"""

from __future__ import annotations

import csv
import json
import random
import tempfile
from pathlib import Path

import numpy as np

from apps.customer_service import evaluate
from apps.customer_service.answers.answering import Answerer
from apps.customer_service.data import Example, Sources, read_dataset
from apps.customer_service.options_cli import DEFAULTS
from apps.customer_service.release import load_release
from apps.customer_service.schema import OUT_OF_SCOPE
from apps.customer_service.train import train
from benchmarks.harness import parser, report, start
from common.records.text import normalise
from common.releases.registry import Registry
from common.tuning.configuration import read_settings

INTENTS, EACH, ASKED_EACH, NEAR, FAR = 10, 50, 30, 350, 1000
DRAWS = 3


def main() -> None:
    """Train as `train` does without settings, on three draws of ten intents; report the means."""
    chosen = parser("ten intents alone: near misses and far questions held back").parse_args()
    start(chosen)
    draws = [_measure(chosen.data, chosen.seed + draw) for draw in range(DRAWS)]
    metrics: dict[str, object] = {"intents": INTENTS, "training questions": INTENTS * EACH}
    for name in draws[0]:
        values = [draw[name] for draw in draws]
        metrics[name] = float(np.mean(values))
        metrics[f"{name}, each draw"] = ", ".join(f"{value:.3f}" for value in values)
    report("foreign_questions", metrics)


def _measure(data: Path, seed: int) -> dict[str, float]:
    random_ = random.Random(seed)
    by_intent: dict[str, list[str]] = {}
    for name in ("train", "test"):
        with (data / "banking77" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                by_intent.setdefault(row["category"], []).append(normalise(row["text"]))
    names = sorted(name for name, texts in by_intent.items() if len(texts) >= EACH + ASKED_EACH)
    random_.shuffle(names)
    rows, asked = [], []
    for name in sorted(names[:INTENTS]):
        texts = sorted(set(by_intent[name]))
        random_.shuffle(texts)
        rows += [(text, name) for text in texts[:EACH]]
        asked += [Example(text, None, name) for text in texts[EACH : EACH + ASKED_EACH]]
    others = [text for name in names[INTENTS:] for text in by_intent[name]]
    random_.shuffle(others)
    clinc = json.loads((data / "clinc150" / "data_full.json").read_text(encoding="utf-8"))
    far = [normalise(text) for text, _ in clinc["oos_test"]]
    answerer = _trained(rows, seed)
    given = evaluate.run(answerer, asked)
    return {
        "in scope, answered": _answered(answerer, asked),
        "in scope, wrong among answered": evaluate.summarise(given)["wrong_among_answered"],
        "near misses held back": 1 - _answered(answerer, _outside(others[:NEAR])),
        "far questions held back": 1 - _answered(answerer, _outside(far[:FAR])),
    }


def _trained(rows: list[tuple[str, str]], seed: int) -> Answerer:
    with tempfile.TemporaryDirectory() as store:
        path = Path(store) / "questions.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("question", "intent"), *rows])
        dataset = read_dataset(Sources(questions=[path]), seed=seed)
        settings = read_settings(defaults=DEFAULTS, seed=seed)
        trained = train(dataset, settings, Registry(Path(store), "customer_service"))
        assert trained is not None
        return load_release(trained.release)


def _outside(texts: list[str]) -> list[Example]:
    return [Example(text, None, OUT_OF_SCOPE) for text in texts]


def _answered(answerer: Answerer, examples: list[Example]) -> float:
    return float(np.mean([o.decision == "answer" for o in evaluate.run(answerer, examples)]))


if __name__ == "__main__":
    main()
