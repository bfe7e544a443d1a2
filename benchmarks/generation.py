"""What the gate before a composed reply lets through, on labelled pairs of sentence and source.

python -m benchmarks.generation [--store DIR] [--split test] [--fit]   # a store of `train`

The words and rules of the gate were chosen by looking at the development pairs, and `--fit` fits
its score to them; the test pairs have other sources, and of them only the figures were looked at,
by which `LEAST_OF_CLAUSE` was chosen.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from apps.customer_service.demo.samples import SAMPLES
from apps.customer_service.generation.agreement import read_beside
from apps.customer_service.generation.support import CALIBRATION, Gate, open_gate
from apps.customer_service.knowledge.reading import Reader
from apps.customer_service.release import load_release
from benchmarks.harness import parser, report, start
from common.evaluation.calibration import LogisticCalibrator, fit_calibrator
from common.files import write_json
from common.releases.registry import Registry

# Of the good development sentences that pass all else, the score holds back none.
HELD_BY_SCORE = 0.0


def main() -> None:
    """Judge each pair."""
    arguments = parser("the gate of composed replies")
    arguments.add_argument("--store", type=Path, default=Path("var"))
    arguments.add_argument("--split", choices=["development", "test"], default="development")
    arguments.add_argument("--fit", action="store_true", help="fit the score to the development")
    chosen = arguments.parse_args()
    start(chosen)
    lines = (SAMPLES / "entailment.jsonl").read_text(encoding="utf-8").splitlines()
    pairs = [one for one in map(json.loads, lines) if one["split"] == chosen.split]
    answerer = load_release(Registry(chosen.store, "customer_service").open())
    assert answerer.index is not None
    read, known = Reader(answerer).vectors, answerer.index.vectors
    if chosen.fit:
        blank = Gate(read, known.mean(0), LogisticCalibrator([0] * 4, [1] * 4, [0] * 4, 0), 0)
        _fit(blank, pairs)
    report(f"generation_{chosen.split}", _figures(open_gate(read, known), pairs))


def _fit(gate: Gate, pairs: Sequence[dict[str, Any]]) -> None:
    features = np.array([gate.features(one["sentence"], one["source"]) for one in pairs])
    entailed = np.array([one["entailed"] for one in pairs])
    calibrator = fit_calibrator(features, entailed)
    agree = np.array([read_beside(p["sentence"], p["source"]).refusal is None for p in pairs])
    of_good = calibrator.probability(features[entailed & agree])
    threshold = float(np.quantile(of_good, HELD_BY_SCORE))
    write_json(CALIBRATION, {"calibrator": calibrator.to_json(), "threshold": threshold})


def _figures(gate: Gate, pairs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    found = [gate.judge(one["sentence"], one["source"]) for one in pairs]
    sent = np.array([one.is_sent for one in found])
    entailed = np.array([one["entailed"] for one in pairs])
    chinese = np.array([one["language"] == "zh" for one in pairs])
    leaks = Counter(
        one["kind"] for one, is_sent in zip(pairs, sent, strict=True)
        if is_sent and not one["entailed"]
    )  # fmt: skip
    return {
        "pairs": len(pairs),
        "unentailed among sent": float((~entailed[sent]).mean()),
        "unentailed sent": float(sent[~entailed].mean()),
        "good held back": float((~sent[entailed]).mean()),
        "good held back, en": float((~sent[entailed & ~chinese]).mean()),
        "good held back, zh": float((~sent[entailed & chinese]).mean()),
        "kinds of unentailed sent": dict(leaks),
    }


if __name__ == "__main__":
    main()
