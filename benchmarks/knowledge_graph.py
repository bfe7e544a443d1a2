"""Questions that a knowledge file answers, those it must leave alone, and planted contradictions.

    python -m benchmarks.knowledge_graph --out benchmarks/results/knowledge_graph.json

No model takes part: what is measured is the path alone, before an FAQ is looked for.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from apps.customer_service.graph.agreeing import contradictions
from apps.customer_service.graph.asking import Asker
from apps.customer_service.schema import Faq
from common.files import write_json
from common.records.graph.contradictions import contradictions as among_facts
from common.records.graph.fact import Fact
from common.records.graph.reading import build_graph, read_graph
from common.records.graph.vocabulary import IS_A
from common.records.reader import read_records

SAMPLES = Path(__file__).parents[1] / "data_samples"
AT = datetime(2026, 11, 1, tzinfo=UTC)
# Values that nobody stated.
OTHER_VALUES = {"monthly fee": "£99 a month", "interest rate": "9.9% AER", "warranty": "6 months"}
OTHER_VALUES["工本费"] = "90元"


def _questions() -> Iterator[tuple[str, set[str], str]]:
    with (SAMPLES / "knowledge" / "questions.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            yield row["question"], {*filter(None, row["things"].split("|"))}, row["split"]


def _answers(asker: Asker, split: str) -> tuple[dict[str, int], list[str]]:
    counts: Counter[str] = Counter()
    missed = []
    for question, things, part in _questions():
        if part != split:
            continue
        found = asker.ask(question, AT)
        said = {*found.things} if found else set()
        kind = "answerable" if things else "unanswerable"
        counts[kind] += 1
        outcome = "right" if said == things else "unanswered" if not said else "wrong"
        counts[f"{kind}: {outcome}"] += 1
        if said != things:
            missed.append(f"{question} → {', '.join(sorted(said)) or 'nothing'}")
    return dict(counts), missed


def _strangers(asker: Asker) -> tuple[int, list[str]]:
    """Questions of the banks' customers, and off-topic messages, that the facts answer."""
    folder = SAMPLES / "customer_service"
    texts = []
    for name in ("test.en.csv", "test.zh.csv"):
        with (folder / name).open(encoding="utf-8") as file:
            texts += [row["question"] for row in csv.DictReader(file)]
    for path in (folder / "off_topic.jsonl",):
        texts += [one.question for one in read_records(path, _Asked)]
    return len(texts), [text for text in texts if asker.ask(text, AT)]


class _Asked(Faq):
    answer: str = ""


def _planted_among_facts(rows: Sequence[tuple[Fact, str]], asker: Asker) -> dict[str, int]:
    """Each value given twice, each step of what has no circles turned round: one at a time."""
    vocabulary = asker.graph.vocabulary
    planted = found = 0
    for fact, place in rows:
        relation = vocabulary.relation(fact.relation)
        if relation in vocabulary.functional:
            more = fact.model_copy(update={"object": OTHER_VALUES[relation]})
        elif relation in vocabulary.acyclic and relation != IS_A:
            turned = {"subject": fact.object, "object": fact.subject}
            more = fact.model_copy(update=turned)
        else:
            continue
        planted += 1
        found += bool(among_facts(build_graph([*rows, (more, f"{place}+")], vocabulary)))
    return {"planted": planted, "found": found}


def _planted_in_faqs(asker: Asker) -> dict[str, int]:
    """FAQs that answer a question rightly, and with another thing or value of its kind."""
    counts: Counter[str] = Counter()
    for question, things, _ in _questions():
        found = asker.ask(question, AT)
        if not things or found is None or found.is_confirmed:
            continue
        counts["right FAQs"] += 1
        right = Faq(id="f", question=question, answer=f"It is {' / '.join(sorted(things))}.")
        counts["false alarms"] += bool(contradictions(asker, [right], AT))
        other = _other(asker, found.pattern.relation, {*found.things, *found.of})
        if other is not None:
            counts["planted"] += 1
            wrong = right.model_copy(update={"answer": f"It is {other}."})
            counts["found"] += bool(contradictions(asker, [wrong], AT))
    return dict(counts)


def _other(asker: Asker, relation: str, known: set[str]) -> str | None:
    if relation in OTHER_VALUES:
        return OTHER_VALUES[relation]
    view = asker.graph.at(AT)
    kinds = {kind for one in known for kind in view.objects(one, IS_A)}
    alike = [one for kind in sorted(kinds) for one in view.subjects(IS_A, kind)]
    others = alike or sorted(asker.graph.related([relation]) - asker.graph.kinds)
    return next((one for one in others if one not in known), None)


def main() -> None:
    """Measure, print, and write what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    out = parser.parse_args().out
    path = SAMPLES / "knowledge" / "knowledge.csv"
    started = time.perf_counter()
    asker = Asker(read_graph(path))
    opened = time.perf_counter() - started
    records = read_records(path, Fact)
    rows = list(zip(records.items, records.short_places, strict=True))
    faqs = [
        one
        for name in ("faqs.en.jsonl", "faqs.zh.jsonl")
        for one in read_records(SAMPLES / "customer_service" / name, Faq)
    ]
    asked, answered = _strangers(asker)
    development, _ = _answers(asker, "development")
    started = time.perf_counter()
    test, missed = _answers(asker, "test")
    spent = (time.perf_counter() - started) / sum(one[2] == "test" for one in _questions())
    figures: dict[str, Any] = {
        "facts": len(rows),
        "development": development,
        "test": test,
        "missed in test": missed,
        "other questions": {"asked": asked, "answered": answered},
        "contradictions among facts": _planted_among_facts(rows, asker),
        "contradictions with FAQs": _planted_in_faqs(asker),
        "sample FAQs": {
            "read": len(faqs),
            "contradictions": [one.text for one in contradictions(asker, faqs, AT)],
        },
        "milliseconds": {"to open": round(1000 * opened), "a question": round(1000 * spent, 2)},
    }
    for name, figure in figures.items():
        print(f"{name}: {figure}")
    if out:
        write_json(out, figures)


if __name__ == "__main__":
    main()
