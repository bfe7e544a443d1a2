"""Fifteen FAQs alone, no questions, nothing labelled out of scope: what becomes of off-topic talk.

python -m benchmarks.off_topic

For each language a release of its own. The messages are those of
`data_samples/customer_service/off_topic.jsonl`; the sample's test questions about the fifteen show
what it costs.
"""

from __future__ import annotations

import csv
import json
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from apps.customer_service import evaluate
from apps.customer_service.answers.answering import Answerer, prepare
from apps.customer_service.data import Example, Sources, read_dataset
from apps.customer_service.demo.samples import SAMPLES
from apps.customer_service.evaluate import Outcome
from apps.customer_service.options_cli import DEFAULTS
from apps.customer_service.release import load_release
from apps.customer_service.schema import OUT_OF_SCOPE
from apps.customer_service.train import train
from benchmarks.harness import parser, report, start
from common.releases.registry import Registry
from common.tuning.configuration import read_settings

FAQS = 15


def main() -> None:
    """Train as `train` does without settings, ask, report by language and in all."""
    chosen = parser("fifteen FAQs alone: off-topic messages").parse_args()
    start(chosen)
    off_topic: list[Outcome] = []
    asked: list[Outcome] = []
    metrics: dict[str, object] = {}
    for language in ("en", "zh"):
        answerer = _trained(language, chosen.seed)
        found = evaluate.run(answerer, _off_topic(language))
        own = evaluate.run(answerer, _own(language, answerer))
        metrics |= _figures(found, own, f", {language}")
        off_topic, asked = off_topic + found, asked + own
    report("off_topic", {"messages": len(off_topic)} | _figures(off_topic, asked, "") | metrics)


def _figures(off_topic: Sequence[Outcome], own: Sequence[Outcome], group: str) -> dict[str, float]:
    decided = Counter(outcome.decision for outcome in off_topic)
    summary = evaluate.summarise(own)
    return {
        f"off topic: answered{group}": decided["answer"] / len(off_topic),
        f"off topic: clarified{group}": decided["clarify"] / len(off_topic),
        f"own questions: right first{group}": summary["right_first"],
        f"own questions: answered{group}": summary["answered"],
        f"own questions: wrong among answered{group}": summary["wrong_among_answered"],
    }


def _trained(language: str, seed: int) -> Answerer:
    lines = (SAMPLES / f"faqs.{language}.jsonl").read_text(encoding="utf-8").splitlines()
    with tempfile.TemporaryDirectory() as store:
        path = Path(store) / "faqs.jsonl"
        path.write_text("\n".join(lines[:: len(lines) // FAQS][:FAQS]), encoding="utf-8")
        dataset = read_dataset(Sources(faqs=[path]), seed=seed)
        settings = read_settings(defaults=DEFAULTS, seed=seed)
        trained = train(dataset, settings, Registry(Path(store), "customer_service"))
        assert trained is not None
        return load_release(trained.release)


def _off_topic(language: str) -> list[Example]:
    lines = (SAMPLES / "off_topic.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return [
        Example(prepare(row["text"]), None, OUT_OF_SCOPE)
        for row in rows
        if row["language"] == language
    ]


def _own(language: str, answerer: Answerer) -> list[Example]:
    with (SAMPLES / f"test.{language}.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    known = [row for row in rows if row["faq_id"] in answerer.faqs]
    return [Example(prepare(row["question"]), row["faq_id"], None) for row in known]


if __name__ == "__main__":
    main()
