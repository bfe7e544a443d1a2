"""What an import found, written: FAQs, pairs, questions, what was rejected, and a report."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from apps.customer_service.importing.schema import Imported, Rejected
from common.evaluation.report import Section, write_report
from common.files import write_atomically
from common.records.reader import write_jsonl
from common.records.writing import write_table

FAQS, PAIRS, QUESTIONS = "faqs.jsonl", "pairs.jsonl", "questions.csv"
REJECTED, REPORT = "rejected.jsonl", "report.html"
MOST_SHOWN = 200


def write(found: Imported, out: Path) -> list[Path]:
    """Write all files and return them; `questions.csv` only where further wordings are known."""
    _write_lines(out / PAIRS, (pair.to_json() for pair in found.pairs))
    _write_lines(out / REJECTED, (_plain(one) for one in found.rejected))
    write_report(out / REPORT, "Import", _sections(found))
    written = [out / PAIRS, out / REJECTED, out / REPORT]
    if found.questions:
        write_table(out / QUESTIONS, found.questions)
        written.append(out / QUESTIONS)
    write_jsonl(out / FAQS, found.faqs)
    return [out / FAQS, *written]


def summary(found: Imported) -> dict[str, Any]:
    """The counts that the terminal and the report show."""
    return {
        "read": dict(found.read),
        "faqs": len(found.faqs),
        "pairs": len(found.pairs),
        "flags": dict(Counter(flag for pair in found.pairs for flag in pair.flags).most_common()),
        "rejected": dict(Counter(one.reason for one in found.rejected).most_common()),
    }


def _write_lines(path: Path, values: Iterable[Mapping[str, Any]]) -> None:
    lines = (json.dumps(value, ensure_ascii=False) + "\n" for value in values)
    write_atomically(path, "".join(lines))


def _plain(rejected: Rejected) -> dict[str, Any]:
    return {name: value for name, value in vars(rejected).items() if value}


def _sections(found: Imported) -> list[Section]:
    counts = summary(found)
    flagged = [pair for pair in found.pairs if {*pair.flags} - {"one-dialogue"}]
    return [
        Section(
            "What was read",
            table=[("kind", "count"), *((name, f"{n:,}") for name, n in found.read.items())],
        ),
        Section(
            "What a person should see first",
            f"{len(flagged)} of {len(found.pairs)} pairs are flagged.",
            [
                ("question", "answer", "flags", "other answers"),
                *(
                    (p.question, p.answer, ", ".join(p.flags), " / ".join(p.other_answers))
                    for p in flagged[:MOST_SHOWN]
                ),
            ],
        ),
        Section(
            "The most frequent pairs",
            table=[
                ("dialogues", "score", "question", "answer"),
                *(
                    (str(len(p.dialogue_ids)), f"{p.score:.2f}", p.question, p.answer)
                    for p in found.pairs[:MOST_SHOWN]
                ),
            ],
        ),
        Section(
            "What was left out",
            table=[
                ("reason", "count"),
                *((reason, f"{n:,}") for reason, n in counts["rejected"].items()),
            ],
        ),
    ]
