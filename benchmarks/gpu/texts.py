"""Texts to measure with: those of `data_samples`, two and two, so that there are many."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path

NEWS = Path(__file__).parents[2] / "data_samples" / "finance_monitor"


def labelled_texts(
    count: int, languages: Sequence[str] = ("en", "zh"), seed: int = 0
) -> list[tuple[str, str]]:
    """`count` texts with a label each, which is the first of the two news' first topic."""
    rows = [row for language in languages for row in _news(language)]
    draw = random.Random(seed)
    pairs = ((draw.choice(rows), draw.choice(rows)) for _ in range(count))
    return [(f"{first[0]} {second[0]}", first[1]) for first, second in pairs]


def _news(language: str) -> list[tuple[str, str]]:
    lines = (NEWS / f"news.{language}.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return [(row["text"], (row["topics"] or ["none"])[0]) for row in rows]
