"""From what people said of stories to examples."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from apps.finance_monitor.data import Example
from apps.finance_monitor.learning.lessons import Lessons, facets
from apps.finance_monitor.schema import SENTIMENT_NAMES, SENTIMENTS
from apps.finance_monitor.stories import text as spelling
from common.learning.review import Correction, LeftOut
from common.learning.schema import Feedback
from common.records.personal import prepare
from common.records.text import fold

LABELS = ("sentiment", "topics")


def corrected_text(content: str) -> str:
    """A story as it is kept: spelled as the model reads it, personal data masked."""
    return prepare(spelling.prepare(content))


def example_of(text: str, wanted: Mapping[str, Any]) -> Example:
    """What a correction teaches."""
    sentiment, topics = wanted.get("sentiment"), wanted.get("topics")
    if isinstance(topics, str):
        topics = [name.strip() for name in topics.replace("|", ",").split(",") if name.strip()]
    name = str(sentiment).strip().lower() if sentiment else None
    return Example(
        spelling.prepare(text),
        SENTIMENT_NAMES.get(name, name) if name else None,
        None if topics is None else tuple(sorted(topics)),
    )


def about(wanted: Mapping[str, Any]) -> str:
    """Which labels a correction gives: one of the sentiment contradicts none of the topics."""
    return "+".join(name for name in LABELS if wanted.get(name) is not None)


def split_known(
    rows: Sequence[Feedback], lessons: Lessons, topics: Collection[str], *, has_sentiment: bool
) -> tuple[list[Feedback], list[str], list[LeftOut]]:
    """Rows to decide on; ids of those that are learned already; rows that cannot be learned.

    A text that candidates are measured on is never learned from.

    Args:
        topics: those that the release tells apart.
        has_sentiment: it tells sentiments apart, too.
    """
    known = {
        (fold(one.text), one.sentiment, one.topics and tuple(sorted(one.topics)))
        for one in facets(lessons.train)
        if one.target is None
    }
    measured = {fold(one.text) for one in (*lessons.validation, *lessons.test)}
    open_rows, learned, out = [], [], []
    for row in rows:
        example = example_of(row.text, row.wanted)
        parts = [(fold(one.text), one.sentiment, one.topics) for one in facets([example])]
        if parts and all(part in known for part in parts):
            learned.append(row.id)
        elif reason := _unusable(example, topics, has_sentiment):
            out.append(LeftOut(row.id, row.text, reason))
        elif fold(example.text) in measured:
            out.append(LeftOut(row.id, row.text, "candidates are measured on this text"))
        else:
            open_rows.append(row)
    return open_rows, learned, out


def to_examples(corrections: Sequence[Correction]) -> list[Example]:
    """What all corrections teach."""
    return [example_of(one.text, one.wanted) for one in corrections]


def _unusable(example: Example, topics: Collection[str], has_sentiment: bool) -> str | None:
    if example.sentiment is None and example.topics is None:
        return "names neither sentiment nor topics"
    if example.sentiment is not None and not has_sentiment:
        return "the release knows no sentiment: run `train` with texts that have one"
    if example.sentiment is not None and example.sentiment not in SENTIMENTS:
        return f"there is no sentiment {example.sentiment!r}"
    unknown = [name for name in example.topics or () if name not in topics]
    if unknown:
        return f"the release knows no topic {unknown[0]!r}: run `train` with texts of it"
    return None
