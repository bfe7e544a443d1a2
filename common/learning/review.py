"""From what was said to what is learned: confirmed, folded, contradicted, quarantined."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from common.learning.schema import Feedback
from common.records.text import fold

PER_SOURCE = 0.05
CONFIRMATIONS = 2
# Few corrections are everybody's first: below this many, a share of them means nothing.
FEWEST_OF_SOURCE = 3
# Lengths beyond this many interquartile ranges from the quartiles are outliers (Tukey's "far out").
FAR_OUT = 3.0


@dataclass(frozen=True)
class Correction:
    """What is learned from: a text, the right prediction, and the rows that say so."""

    text: str
    wanted: dict[str, Any]
    feedback_ids: tuple[str, ...]
    is_trusted: bool


@dataclass(frozen=True)
class LeftOut:
    """A row that is not learned from, and why."""

    feedback_id: str
    text: str
    reason: str


class Reviewed(Protocol):
    """What a run of `learn` was given, and what it made of it."""

    @property
    def left_out(self) -> Sequence[LeftOut]:
        """Rows that are not learned from."""

    @property
    def feedback_ids(self) -> list[str]:
        """Rows that are, and need not be looked at again."""

    def rows(self) -> list[tuple[str, str]]:
        """What became of how many rows, for people to read."""

    def summary(self) -> Mapping[str, Any]:
        """Plain values for a manifest: numbers alone, no texts."""


def reasons(left_out: Sequence[LeftOut]) -> dict[str, int]:
    """How many rows are left out for each reason, the most frequent first."""
    return dict(Counter(one.reason for one in left_out).most_common())


@dataclass(frozen=True)
class Review:
    """What is taken and what is left out; contradictions wait for a person."""

    taken: list[Correction]
    left_out: list[LeftOut]

    @property
    def feedback_ids(self) -> list[str]:
        """The rows that say what is taken."""
        return [identity for one in self.taken for identity in one.feedback_ids]

    def rows(self) -> list[tuple[str, str]]:
        """How many rows are learned from, and how many are left out for each reason."""
        taken = (f"learned: {len(self.taken)} corrections", str(len(self.feedback_ids)))
        out = reasons(self.left_out).items()
        return [taken, *((f"left out: {why}", str(count)) for why, count in out)]

    def summary(self) -> Mapping[str, Any]:
        """Plain values for a manifest: numbers alone, no texts."""
        return {
            "taken": len(self.taken),
            "rows": len(self.feedback_ids),
            "left_out": reasons(self.left_out),
        }


Suspect = Callable[[Sequence[Correction]], Sequence[str | None]]
About = Callable[[Mapping[str, Any]], str]
Claim = Callable[[Mapping[str, Any]], Hashable]


def _as_written(wanted: Mapping[str, Any]) -> Hashable:
    return json.dumps(wanted, sort_keys=True, ensure_ascii=False)


def review(
    rows: Sequence[Feedback],
    usual_lengths: Sequence[int],
    *,
    per_source: float = PER_SOURCE,
    suspect: Suspect | None = None,
    about: About = lambda _: "",
    claim: Claim = _as_written,
) -> Review:
    """Decide what to learn from.

    One correction is taken where a person accepted it, somebody trusted gave it, or two sources
    agree on it; of one source at most `per_source` of all corrections count. Rows that say the
    same are one; those that contradict each other are left to a person, unless one of them was
    accepted. Of what a rule decided, only what a person accepted is taken.

    Args:
        rows: oldest first.
        usual_lengths: of the texts that were learned from so far, in characters.
        suspect: a reason to doubt each correction, or None; not asked for what a person accepted.
        about: which question about a text a row answers; answers to different ones agree.
        claim: what an answer comes to; those that come to the same agree.
    """
    left_out: list[LeftOut] = []
    open_rows = []
    for row in rows:
        if row.kind != "correction" or row.status == "learned":
            continue
        if row.status == "rejected":
            left_out.append(_left(row, "rejected by a person"))
        elif row.status != "accepted" and (rule := row.given.get("rule")):
            left_out.append(_left(row, f"the rule {rule!r} decided"))
        else:
            open_rows.append(row)
    counted, over = _within_share(open_rows, per_source)
    left_out += [_left(row, f"more than {per_source:.0%} are of one source") for row in over]
    confirmed: list[Correction] = []
    for same in _by_text(counted, about):
        latest, out = _latest(same, claim)
        left_out += out
        found, out = _agree(latest, claim)
        confirmed += found
        left_out += out
    taken, out = _quarantine(confirmed, usual_lengths, suspect)
    return Review(taken, left_out + out)


def _within_share(
    rows: Sequence[Feedback], per_source: float
) -> tuple[list[Feedback], list[Feedback]]:
    """The earliest rows of each source, up to its share, and those beyond."""
    most = max(FEWEST_OF_SOURCE, int(per_source * len(rows)))
    seen: Counter[str] = Counter()
    within: list[Feedback] = []
    beyond: list[Feedback] = []
    for row in rows:
        if row.status == "accepted" or row.trusted:
            within.append(row)
            continue
        seen[row.source] += 1
        (within if seen[row.source] <= most else beyond).append(row)
    return within, beyond


def _by_text(rows: Sequence[Feedback], about: About) -> list[list[Feedback]]:
    groups: dict[tuple[str, str], list[Feedback]] = defaultdict(list)
    for row in rows:
        groups[fold(row.text), about(row.wanted)].append(row)
    return list(groups.values())


def _latest(rows: Sequence[Feedback], claim: Claim) -> tuple[list[Feedback], list[LeftOut]]:
    """The last word of each source, and what it said before; what a person accepted stays."""
    last = {row.source: row.id for row in rows}
    said = {row.source: claim(row.wanted) for row in rows}
    kept, out = [], []
    for row in rows:
        is_last = row.id == last[row.source] or claim(row.wanted) == said[row.source]
        if row.status == "accepted" or is_last:
            kept.append(row)
        else:
            out.append(_left(row, "its source said something else later"))
    return kept, out


def _agree(rows: Sequence[Feedback], claim: Claim) -> tuple[list[Correction], list[LeftOut]]:
    """What the rows of one text come to; of those that agree, the one that says most is learned."""
    claims: dict[Hashable, list[Feedback]] = defaultdict(list)
    for row in rows:
        claims[claim(row.wanted)].append(row)
    accepted = [c for c in claims.values() if any(r.status == "accepted" for r in c)]
    chosen = accepted or [c for c in claims.values() if any(r.trusted for r in c)]
    if not chosen:
        chosen = list(claims.values())
    if len(chosen) > 1:
        return [], [_left(row, "contradicted: a person has to decide") for row in rows]
    same = chosen[0]
    is_trusted = any(row.status == "accepted" or row.trusted for row in same)
    overruled = [_left(row, "overruled by a trusted source") for row in rows if row not in same]
    if not is_trusted and len({row.source for row in same}) < CONFIRMATIONS:
        waiting = f"waits for {CONFIRMATIONS} sources, or a person"
        return [], [_left(row, waiting) for row in same] + overruled
    ids = tuple(row.id for row in same)
    fullest = max(same, key=lambda row: len(row.wanted))
    return [Correction(same[0].text, fullest.wanted, ids, is_trusted)], overruled


def _quarantine(
    corrections: Sequence[Correction], usual_lengths: Sequence[int], suspect: Suspect | None
) -> tuple[list[Correction], list[LeftOut]]:
    doubts: list[str | None] = [None] * len(corrections)
    if suspect is not None:
        doubts = list(suspect(corrections))
    shortest, longest = _usual(usual_lengths)
    taken, out = [], []
    for correction, doubt in zip(corrections, doubts, strict=True):
        reason = doubt
        if not shortest <= len(correction.text) <= longest:
            reason = "of an unusual length"
        if reason is None or correction.is_trusted:
            taken.append(correction)
        else:
            quarantined = f"quarantined: {reason}"
            out += [LeftOut(i, correction.text, quarantined) for i in correction.feedback_ids]
    return taken, out


def _usual(lengths: Sequence[int]) -> tuple[float, float]:
    if not len(lengths):
        return 0.0, float("inf")
    low, high = np.percentile(lengths, [25, 75])
    reach = FAR_OUT * max(high - low, 1.0)
    return float(low - reach), float(high + reach)


def _left(row: Feedback, reason: str) -> LeftOut:
    return LeftOut(row.id, row.text, reason)
