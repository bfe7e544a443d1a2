"""Questions whose key word, a code or a name, stands only in an answer: is its FAQ found first?

python -m benchmarks.answer_words [--store DIR]     # a store with the release of `make serve`

The FAQs are added live, over a database of the benchmark's own; nothing is trained.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from apps.customer_service import evaluate
from apps.customer_service.data import Example
from apps.customer_service.demo.samples import SAMPLES
from apps.customer_service.knowledge import editing
from apps.customer_service.knowledge.serving.live import LiveKnowledge
from apps.customer_service.knowledge.store import KnowledgeStore
from apps.customer_service.release import load_release
from apps.customer_service.schema import Faq
from benchmarks.harness import parser, report, start
from common.records.personal import prepare
from common.records.text import language_of
from common.releases.registry import Registry
from common.storage.database import Database


def main() -> None:
    """Add the FAQs and ask."""
    arguments = parser("words that stand only in answers")
    arguments.add_argument("--store", type=Path, default=Path("var"))
    chosen = arguments.parse_args()
    start(chosen)
    lines = (SAMPLES / "answer_words.jsonl").read_text(encoding="utf-8").splitlines()
    written: list[dict[str, Any]] = [json.loads(line) for line in lines]
    asked = [Example(prepare(text), one["id"], None) for one in written for text in one["asked"]]
    faqs = [Faq.model_validate(one) for one in written]
    with tempfile.TemporaryDirectory() as folder:
        store = KnowledgeStore(Database(Path(folder) / "live.sqlite"))
        live = LiveKnowledge(Registry(chosen.store, "customer_service"), load_release, store)
        live.write(lambda now: editing.add(now, faqs, draft=False), author="benchmark", kind="add")
        outcomes = evaluate.run(live.current, asked)
    figures = {"FAQs": len(faqs), "questions": len(outcomes)}
    for language in ("en", "zh"):
        own = [one for one in outcomes if language_of(one.example.text) == language]
        figures[f"right first, {language}"] = sum(one.is_right for one in own)
        figures[f"answered, {language}"] = sum(one.decision == "answer" for one in own)
    figures["right first"] = sum(one.is_right for one in outcomes)
    report("answer_words", figures)


if __name__ == "__main__":
    main()
