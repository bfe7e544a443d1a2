"""In-scope accuracy, out-of-scope recall and AUROC on clinc150, trained on in-scope texts alone.

python -m benchmarks.clinc150 [--few [SHOTS]] [--set NAME=VALUE] [--data DIR]

With `--few`: in-scope accuracy alone, learned from a few texts of each intent, drawn by the seed.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from apps.customer_service.answers.answering import nearness
from apps.customer_service.options_cli import DEFAULTS
from benchmarks.harness import add_settings, parser, report, start
from benchmarks.intents import Labelled, few_of_each, normalised, released, tune_intents
from common.evaluation.metrics import auroc
from common.models.encoder import Encoder
from common.tuning.configuration import read_settings
from common.tuning.finetune import Tuned
from common.tuning.settings import Settings

SETTINGS = {"epochs": 4, "learning_rate": 1e-4}
# The threshold turns away this share of the in-scope validation questions; then, other points of
# the same curve.
TURNED_AWAY = 0.0125
OTHERS = (0.01, 0.015, 0.02)


def main() -> None:
    """Fine-tune, choose the threshold on validation, measure on the test set once, report."""
    arguments = parser("clinc150: intents, and what is out of scope")
    arguments.add_argument(
        "--few", type=int, nargs="?", const=10, help="texts of each intent; default: 10"
    )
    add_settings(arguments)
    chosen = arguments.parse_args()
    start(chosen)
    data = json.loads((chosen.data / "clinc150" / "data_full.json").read_text(encoding="utf-8"))
    own = DEFAULTS if chosen.few else SETTINGS
    settings = read_settings(None, chosen.set, defaults=own, seed=chosen.seed)
    train: Labelled = [tuple(pair) for pair in data["train"]]
    if chosen.few:
        _report_few(few_of_each(train, chosen.few, chosen.seed)[0], data["test"], settings)
        return
    tuned, intents = tune_intents(train, settings)
    known = tuned.predict(normalised(train))["embedding"].numpy()
    found = {name: _read(tuned, known, data[name]) for name in ("val", "test", "oos_test")}
    near = {name: near for name, (_, near) in found.items()}
    labels = [label for _, label in data["test"]]
    right = np.array([intents[i] for i in found["test"][0]]) == np.array(labels)

    def accuracy_and_recall(share: float) -> tuple[float, float]:
        threshold = np.quantile(near["val"], share)
        kept = near["test"] >= threshold
        return float((right & kept).mean()), float((near["oos_test"] < threshold).mean())

    kept, recall = accuracy_and_recall(TURNED_AWAY)
    in_and_out = np.concatenate([near["test"], near["oos_test"]])
    report(
        "clinc150",
        {
            "accuracy without rejection": float(right.mean()),
            "in-scope accuracy": kept,
            "out-of-scope recall": recall,
            "AUROC": auroc(in_and_out, np.arange(len(in_and_out)) < len(right)),
            "turned away of validation": TURNED_AWAY,
            "accuracy, recall at others": {
                str(share): accuracy_and_recall(share) for share in OTHERS
            },
            "minutes": tuned.seconds / 60,
            "settings": settings.model_dump(exclude_defaults=True),
        },
    )


def _report_few(train: Labelled, test: Labelled, settings: Settings) -> None:
    tuned, intents = tune_intents(train, settings)
    report(
        f"clinc150_few{len(train) // len(intents)}",
        {
            "training texts": len(train),
            **released(tuned, train, test),
            "minutes": tuned.seconds / 60,
            "settings": settings.model_dump(exclude_defaults=True),
        },
    )


def _read(
    tuned: Tuned[Encoder], known: np.ndarray, labelled: Labelled
) -> tuple[np.ndarray, np.ndarray]:
    """Each question's predicted class, and how near it is to what was learned from."""
    outputs = tuned.predict(normalised(labelled))
    logits, vectors = outputs["intent_logits"], outputs["embedding"].numpy()
    scale: Any = tuned.module.intent_scale
    direction = logits.max(-1).values / scale
    return logits.argmax(-1).numpy(), nearness(direction.numpy(), vectors, known)


if __name__ == "__main__":
    main()
