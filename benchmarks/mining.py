"""Precision and recall of the pairs that `import` mines of written dialogues.

python -m benchmarks.mining [--dialogues test|development] [--show]

A mined pair is right if at least half of its dialogues are those of one topic and its answer holds
that topic's facts, and nothing that is outdated or was contradicted. By-questions are right where
they are mined and no loss where they are not. Recall is over the topics. The 320 dialogues shaped
no setting: thresholds and rules were chosen on others, the development set among them.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.harness import report
from common.records.text import language_of, normalise

SAMPLES = Path(__file__).parents[1] / "data_samples" / "customer_service"
SETS = {"test": "", "development": "_development"}


@dataclass(frozen=True)
class Topic:
    """What a careful person would approve: the facts of its answer, and where it was asked."""

    name: str
    language: str
    facts: tuple[str | tuple[str, ...], ...]
    outdated: tuple[str, ...]
    dialogues: frozenset[str]
    is_minor: bool

    def is_answered_by(self, answer: str) -> bool:
        """Whether an answer holds each fact, of several spellings one, and nothing outdated."""
        said = _plain(answer)
        facts = ([fact] if isinstance(fact, str) else fact for fact in self.facts)
        has_all = all(any(_plain(one) in said for one in fact) for fact in facts)
        return has_all and not any(_plain(one) in said for one in self.outdated)


def main() -> None:
    """Import the dialogues, compare, report."""
    arguments = argparse.ArgumentParser(description="precision and recall of mined pairs")
    arguments.add_argument("--dialogues", choices=SETS, default="test", help="the set measured on")
    arguments.add_argument(
        "--show", action="store_true", help="each pair that is wrong, each topic that is missed"
    )
    chosen = arguments.parse_args()

    from apps.customer_service.importing.importing import run_import

    of = SETS[chosen.dialogues]
    topics = [*_topics(f"dialogue_pairs{of}", False), *_topics(f"dialogue_pairs_minor{of}", True)]
    with tempfile.TemporaryDirectory() as folder:
        found, _ = run_import([SAMPLES / f"dialogues{of}.jsonl"], Path(folder) / "out")
    figures: dict[str, Any] = {"dialogues": found.read["dialogues"], "topics": len(topics)}
    pairs = [(pair, _topic_of(pair.answer, pair.dialogue_ids, topics)) for pair in found.pairs]
    for language in ("all", "en", "zh"):
        asked = [t for t in topics if not t.is_minor and language in {"all", t.language}]
        told = [
            (pair, topic)
            for pair, topic in pairs
            if language in {"all", language_of(pair.question)}
        ]
        right = [topic for _, topic in told if topic]
        hit = {*right} & {*asked}
        figures |= {
            f"{language}: pairs mined": len(told),
            f"{language}: precision": len(right) / max(len(told), 1),
            f"{language}: recall of {len(asked)} topics": len(hit) / max(len(asked), 1),
        }
    often = [topic for pair, topic in pairs if len(pair.dialogue_ids) > 1]
    figures |= {
        "of two dialogues or more: pairs mined": len(often),
        "of two dialogues or more: precision": sum(map(bool, often)) / max(len(often), 1),
    }
    if chosen.show:
        for pair, topic in pairs:
            if topic is None:
                sys.stdout.write(f"{pair.dialogue_ids} {pair.question}\n    {pair.answer}\n")
        hit = {topic for _, topic in pairs if topic is not None}
        for topic in topics:
            if topic not in hit and not topic.is_minor:
                sys.stdout.write(f"missed: {topic.name} {sorted(topic.dialogues)}\n")
    reasons = Counter(one.reason for one in found.rejected)
    name = f"mining{of}"
    report(name, {**figures, **{f"rejected: {why}": n for why, n in reasons.most_common(6)}})


def _topics(name: str, is_minor: bool) -> list[Topic]:
    lines = (SAMPLES / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [
        Topic(
            row["topic"],
            row["language"],
            tuple(fact if isinstance(fact, str) else tuple(fact) for fact in row["facts"]),
            tuple(row["outdated"]),
            frozenset(row["dialogues"]),
            is_minor,
        )
        for row in map(json.loads, lines)
    ]


def _topic_of(answer: str, dialogues: list[str], topics: list[Topic]) -> Topic | None:
    """The topic that a pair answers rightly; None where there is none."""
    near = [t for t in topics if 2 * len(t.dialogues & {*dialogues}) >= len(dialogues)]
    near.sort(key=lambda topic: -len(topic.dialogues & {*dialogues}))
    return next((topic for topic in near if topic.is_answered_by(answer)), None)


def _plain(text: str) -> str:
    return normalise(text).casefold()


if __name__ == "__main__":
    main()
