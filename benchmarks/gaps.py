"""Questions that no FAQ answers, grouped as on the page "Gaps": B-cubed precision and recall.

python -m benchmarks.gaps [--store DIR]     # a store with the release of `make serve`

All wordings of the 30 FAQs of `new_faqs.jsonl`, which the release lacks, among 100 off-topic
messages, each of which should stand alone.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.customer_service.answers.answering import prepare
from apps.customer_service.demo.samples import SAMPLES
from apps.customer_service.gaps.finding import group
from apps.customer_service.release import load_release
from benchmarks.harness import parser, report, start
from common.releases.registry import Registry


def main() -> None:
    """Group the questions."""
    arguments = parser("gaps: what means the same")
    arguments.add_argument("--store", type=Path, default=Path("var"))
    chosen = arguments.parse_args()
    start(chosen)
    answerer = load_release(Registry(chosen.store, "customer_service").open())
    faqs = _rows("new_faqs.jsonl")
    wordings = [
        (number, text)
        for number, faq in enumerate(faqs)
        for text in (faq["question"], *faq["similar_questions"], *faq["paraphrases"])
    ]
    alone = [(len(faqs) + i, one["text"]) for i, one in enumerate(_rows("off_topic.jsonl"))]
    truth = np.array([number for number, _ in wordings + alone])
    understood = answerer.understand([prepare(text) for _, text in wordings + alone])
    _, labels = group(answerer, understood, np.ones(len(understood), np.float32))
    precision, recall = b_cubed(truth, labels)
    figures = {
        "questions about new FAQs": len(wordings),
        "off-topic messages": len(alone),
        "groups": int(labels.max()) + 1,
        "B-cubed precision": float(precision[: len(wordings)].mean()),
        "B-cubed recall": float(recall[: len(wordings)].mean()),
    }
    report("gaps", figures)


def _rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SAMPLES / name).read_text(encoding="utf-8").splitlines()]


def b_cubed(
    truth: NDArray[np.int64], labels: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Precision and recall of each question's group, each [questions] (Bagga and Baldwin 1998)."""
    together = truth[:, None] == truth
    grouped = labels[:, None] == labels
    both = (together & grouped).sum(axis=1)
    return both / grouped.sum(axis=1), both / together.sum(axis=1)


if __name__ == "__main__":
    main()
