"""In-scope accuracy, out-of-scope recall and AUROC on clinc150, trained on in-scope texts alone.

python -m benchmarks.clinc150 [--data DIR]
"""

from __future__ import annotations

import json

import numpy as np

from benchmarks.harness import parser, report, start
from benchmarks.intents import logits, tune_intents
from common.evaluation.metrics import auroc
from common.tuning.settings import Settings

SETTINGS = {"epochs": 4, "learning_rate": 1e-4}
# The threshold turns away this share of the in-scope validation questions.
TURNED_AWAY = 0.01


def main() -> None:
    """Fine-tune, choose the threshold on validation, measure on the test set once, report."""
    chosen = parser("clinc150: intents, and what is out of scope").parse_args()
    start(chosen)
    data = json.loads((chosen.data / "clinc150" / "data_full.json").read_text(encoding="utf-8"))
    settings = Settings(**SETTINGS, seed=chosen.seed)
    tuned, intents = tune_intents([tuple(pair) for pair in data["train"]], settings)
    scores = {
        name: logits(tuned, [text for text, _ in data[name]])
        for name in ("val", "test", "oos_test")
    }
    largest = {name: found.max(-1).values.numpy() for name, found in scores.items()}
    threshold = np.quantile(largest["val"], TURNED_AWAY)
    predicted = [intents[i] for i in scores["test"].argmax(-1).tolist()]
    right = np.array([p == label for p, (_, label) in zip(predicted, data["test"], strict=True)])
    kept = largest["test"] >= threshold
    in_and_out = np.concatenate([largest["test"], largest["oos_test"]])
    is_in = np.arange(len(in_and_out)) < len(right)
    report(
        "clinc150",
        {
            "accuracy without rejection": float(right.mean()),
            "in-scope accuracy": float((right & kept).mean()),
            "out-of-scope recall": float((largest["oos_test"] < threshold).mean()),
            "AUROC": auroc(in_and_out, is_in),
            "minutes": tuned.seconds / 60,
            "settings": settings.model_dump(exclude_defaults=True),
        },
    )


if __name__ == "__main__":
    main()
