"""Stories that tell the same → story lines: who was first, and how each came to be many."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from apps.finance_monitor.schema import ScoredRecord
from apps.finance_monitor.stories.copies import PERMUTATIONS, Said, contradicts, said_in
from apps.finance_monitor.surges.alert import Spread, Told
from apps.finance_monitor.surges.keys import sentiment_on

# Less alike than a copy. In the sample feed, all pairs above are one story in other words; pairs
# that only share a form ("a notice on the shares of …") reach .45.
SAME_LINE_FROM = 0.48
# So many points show how a line spread, however long it went on.
MOST_POINTS = 24
MOST_OTHERWISE = 3
HOUR = 3600.0


@dataclass(frozen=True)
class Original:
    """A story that is no copy, with its copies in the order they came.

    Attributes:
        sequence: its place in the feed.
        signature: as of `stories.copies.signature_of`; None of a text that is too short.
    """

    sequence: int
    story: ScoredRecord
    signature: NDArray[np.uint32] | None
    copies: Sequence[ScoredRecord] = ()

    @cached_property
    def said(self) -> Said:
        """What it was read as."""
        return said_in(self.story)


@dataclass
class StoryLine:
    """One story as all who ran it told it.

    Attributes:
        otherwise: stories in like words that say the opposite: a denial, a correction, an edit.
    """

    originals: list[Original] = field(default_factory=list)
    otherwise: list[ScoredRecord] = field(default_factory=list)

    @property
    def stories(self) -> list[ScoredRecord]:
        """All of them, by their time."""
        told = [story for one in self.originals for story in (one.story, *one.copies)]
        return sorted(told, key=lambda story: story.published_at)

    @property
    def first(self) -> ScoredRecord:
        """Who had it first."""
        return self.stories[0]

    def negative_on(self, key: str) -> float | None:
        """The highest probability of negative that one of its stories is known to have on a key."""
        known = (sentiment_on(one.story, key).probabilities for one in self.originals)
        return max((some["negative"] for some in known if "negative" in some), default=None)

    @property
    def told_otherwise(self) -> list[Told]:
        """The first few that say the opposite."""
        stories = sorted(self.otherwise, key=lambda story: story.published_at)
        return [
            Told(
                headline=story.headline,
                source=story.source,
                url=story.url,
                published_at=story.published_at,
            )
            for story in stories[:MOST_OTHERWISE]
        ]

    @property
    def sources(self) -> list[str]:
        """Who ran it, in the order of their first story."""
        return list(dict.fromkeys(story.source for story in self.stories if story.source))

    @property
    def spread(self) -> list[Spread]:
        """Stories and sources up to each hour in which one came, of late lines every few hours."""
        points: dict[float, Spread] = {}
        sources: set[str] = set()
        for count, story in enumerate(self.stories, start=1):
            if story.source:
                sources.add(story.source)
            hour = story.published_at.timestamp() // HOUR
            at = story.published_at.replace(minute=0, second=0, microsecond=0)
            points[hour] = Spread(at=at, stories=count, sources=len(sources))
        found = list(points.values())
        step = -(-len(found) // MOST_POINTS) if found else 1
        # The last one is always among them.
        return found[::-1][::step][::-1]


def story_lines(originals: Sequence[Original], others: Sequence[Original] = ()) -> list[StoryLine]:
    """Lines in the order in which they began.

    A story joins the line of the earliest that it resembles (`SAME_LINE_FROM`, estimated Jaccard
    similarity of their shingles), if both name the same companies: agencies write of many in the
    same words. What says the opposite of a line is a line of its own, and both say so.

    Args:
        others: in no line, but told where they say the opposite of one.
    """
    lines: list[StoryLine] = []
    alike: defaultdict[frozenset[str], _Alike] = defaultdict(_Alike)
    for one in sorted(originals, key=lambda original: original.sequence):
        of_same = alike[frozenset(one.story.entities)]
        line = next((line for line in of_same.to(one) if not _contradicts(one, line)), None)
        if line is None:
            line = StoryLine()
            lines.append(line)
            of_same.add(line, one)
        line.originals.append(one)
    for one in (*originals, *others):
        for line in alike[frozenset(one.story.entities)].to(one):
            if _contradicts(one, line):
                line.otherwise.append(one.story)
    return lines


class _Alike:
    """Lines about the same companies, by the signatures of their first stories."""

    def __init__(self) -> None:
        self._lines: list[StoryLine] = []
        self._first = np.zeros((0, PERMUTATIONS), np.uint32)

    def add(self, line: StoryLine, first: Original) -> None:
        if first.signature is None:
            return
        known = len(self._lines)
        if known == len(self._first):
            room = np.zeros((known + 8, PERMUTATIONS), np.uint32)
            self._first = np.concatenate([self._first, room])
        self._first[known] = first.signature
        self._lines.append(line)

    def to(self, one: Original) -> list[StoryLine]:
        """Those that a story resembles, the earliest first."""
        if one.signature is None or not self._lines:
            return []
        shares = np.mean(self._first[: len(self._lines)] == one.signature, axis=1)
        return [self._lines[row] for row in np.flatnonzero(shares >= SAME_LINE_FROM)]


def _contradicts(one: Original, line: StoryLine) -> bool:
    return any(contradicts(one.said, other.said) for other in line.originals)
