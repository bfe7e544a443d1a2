"""Stories that tell the same → story lines: who was first, and how each came to be many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from apps.finance_monitor.schema import ScoredRecord, Spread
from apps.finance_monitor.surges.keys import sentiment_on

# Less alike than a copy. In the sample feed, all pairs above are one story in other words; pairs
# that only share a form ("a notice on the shares of …") reach .45.
SAME_LINE_FROM = 0.48
# So many points show how a line spread, however long it went on.
MOST_POINTS = 24
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


@dataclass
class StoryLine:
    """One story as all who ran it told it."""

    originals: list[Original] = field(default_factory=list)

    @property
    def stories(self) -> list[ScoredRecord]:
        """All of them, by their time."""
        told = [story for one in self.originals for story in (one.story, *one.copies)]
        return sorted(told, key=lambda story: story.published_at)

    @property
    def first(self) -> ScoredRecord:
        """Who had it first."""
        return self.stories[0]

    def negative_on(self, key: str) -> float:
        """The highest probability of negative that one of its stories has on a key."""
        return max(_negative(one.story, key) for one in self.originals)

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


def story_lines(originals: Sequence[Original]) -> list[StoryLine]:
    """Lines in the order in which they began.

    A story joins the line of the earliest that it resembles (`SAME_LINE_FROM`, estimated Jaccard
    similarity of their shingles), if both name the same companies: agencies write of many in the
    same words.
    """
    lines: list[StoryLine] = []
    for one in sorted(originals, key=lambda original: original.sequence):
        line = next((line for line in lines if _resembles(one, line.originals[0])), None)
        if line is None:
            line = StoryLine()
            lines.append(line)
        line.originals.append(one)
    return lines


def _resembles(one: Original, other: Original) -> bool:
    if one.signature is None or other.signature is None:
        return False
    if set(one.story.entities) != set(other.story.entities):
        return False
    return bool(np.mean(one.signature == other.signature) >= SAME_LINE_FROM)


def _negative(story: ScoredRecord, key: str) -> float:
    return sentiment_on(story, key).probabilities.get("negative", 1.0)
