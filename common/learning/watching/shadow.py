"""A candidate asked what the serving release was asked of late, unseen by those who asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from common.evaluation.report import Section

# What is asked again at the most.
MOST_ASKED = 2000
MOST_SHOWN = 200


@dataclass(frozen=True)
class Disagreement:
    """One text that both releases see differently, how often it came, and what each says."""

    text: str
    times: int
    serving: str
    candidate: str


@dataclass(frozen=True)
class Shadow:
    """How many texts came in, and where the two disagree, the most frequent first."""

    asked: int
    disagreements: list[Disagreement]

    @property
    def same(self) -> float:
        """Share of what came in that both say the same of."""
        differ = sum(one.times for one in self.disagreements)
        return 1 - differ / self.asked if self.asked else 1.0

    @property
    def text(self) -> str:
        """In one line."""
        if not self.asked:
            return "Nothing was asked in that time."
        return f"{self.asked:,} asked of late; {self.same:.1%} are answered the same."

    def summary(self) -> dict[str, Any]:
        """Plain values for a manifest: numbers alone, no texts."""
        return {"asked": self.asked, "same": self.same}

    def section(self) -> Section:
        """For the candidate's page."""
        rows = [
            (one.text, str(one.times), one.serving, one.candidate)
            for one in self.disagreements[:MOST_SHOWN]
        ]
        table = [("text", "times", "serving", "candidate"), *rows] if rows else ()
        return Section("In the shadow of the serving release", self.text, table)


def compare_answers(
    texts: Sequence[str], serving: Sequence[str], candidate: Sequence[str]
) -> Shadow:
    """Both releases' answers to the same texts, in words."""
    pairs = Counter(
        (text, old, new)
        for text, old, new in zip(texts, serving, candidate, strict=True)
        if old != new
    )
    found = [Disagreement(text, n, old, new) for (text, old, new), n in pairs.most_common()]
    return Shadow(len(texts), found)
