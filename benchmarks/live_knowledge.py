"""New FAQs live: how soon they are found, by how many unseen paraphrases, and at whose cost.

python -m benchmarks.live_knowledge [--store DIR]     # a store with the release of `make serve`
python -m benchmarks.live_knowledge --development     # other FAQs, by which settings are chosen

The FAQs are added one by one, as an editor does, over a database of the benchmark's own; the
paraphrases are in no file that anything learned from.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from apps.customer_service import evaluate
from apps.customer_service.data import Example
from apps.customer_service.demo.samples import SAMPLES
from apps.customer_service.evaluate import Outcome
from apps.customer_service.knowledge import editing
from apps.customer_service.knowledge.schema import Knowledge
from apps.customer_service.knowledge.serving.live import LiveKnowledge
from apps.customer_service.knowledge.serving.preview import Golden, Previewer
from apps.customer_service.knowledge.store import KnowledgeStore
from apps.customer_service.learning.lessons import load_lessons
from apps.customer_service.release import load_release
from apps.customer_service.schema import Faq
from benchmarks.harness import parser, report, start
from common.records.personal import prepare
from common.records.text import language_of
from common.releases.registry import Registry
from common.storage.database import Database

APPLICATION = "customer_service"


def main() -> None:
    """Add the FAQs and ask."""
    arguments = parser("new FAQs, live")
    arguments.add_argument("--store", type=Path, default=Path("var"))
    arguments.add_argument(
        "--development", action="store_true", help="the FAQs by which settings are chosen"
    )
    chosen = arguments.parse_args()
    start(chosen)
    side = "_development" if chosen.development else ""
    lines = (SAMPLES / f"new_faqs{side}.jsonl").read_text(encoding="utf-8").splitlines()
    written: list[dict[str, Any]] = [json.loads(line) for line in lines]
    registry = Registry(chosen.store, APPLICATION)
    with tempfile.TemporaryDirectory() as folder:
        store = KnowledgeStore(Database(Path(folder) / "live.sqlite"))
        live = LiveKnowledge(registry, load_release, store)
        seconds = [_add(live, Faq.model_validate(one)) for one in written]
        lessons, read_before = load_lessons(registry.open())
        golden = Golden(lessons.golden, read_before)
        figures = _found(live, written) | _golden(live, golden)
    waited = {
        "seconds until found, median": float(np.median(seconds)),
        "seconds until found, longest": max(seconds),
    }
    report(f"live_knowledge{side}", {"new FAQs": len(written), **waited, **figures})


def _add(live: LiveKnowledge, faq: Faq) -> float:
    """Seconds from an edit until its question is answered by it."""
    question = prepare(faq.question)
    began = perf_counter()
    live.write(lambda now: editing.add(now, [faq], draft=False), author="benchmark", kind="add")
    (outcome,) = evaluate.run(live.current, [Example(question, faq.id, None)])
    if not outcome.is_right:
        raise SystemExit(f"{faq.id} is not found by its own question")
    return perf_counter() - began


def _found(live: LiveKnowledge, written: Sequence[dict[str, Any]]) -> dict[str, Any]:
    asked = [
        Example(prepare(text), one["id"], None) for one in written for text in one["paraphrases"]
    ]
    outcomes = evaluate.run(live.current, asked)
    found = {"paraphrases": len(asked), "find it first": _share(outcomes)}
    for language in ("en", "zh"):
        some = [one for one in outcomes if language_of(one.example.text) == language]
        found[f"find it first, {language}"] = _share(some)
    answered = [one for one in outcomes if one.decision == "answer"]
    found["answered"] = len(answered) / max(len(outcomes), 1)
    found["wrong among answered"] = 1 - _share(answered) if answered else 0.0
    return found


def _golden(live: LiveKnowledge, golden: Golden) -> dict[str, int]:
    before = Knowledge(live.base.faqs)
    previewer = Previewer(lambda _: golden)
    seen = previewer.preview(live.base, live.reader, before, live.knowledge)
    turns = [one.turns for one in seen.changed]
    return {
        "golden questions": seen.asked,
        "golden, first answer changed": len(seen.changed),
        "golden, turned right": turns.count("right"),
        "golden, turned wrong": turns.count("wrong"),
    }


def _share(outcomes: Sequence[Outcome]) -> float:
    return sum(one.is_right for one in outcomes) / max(len(outcomes), 1)


if __name__ == "__main__":
    main()
