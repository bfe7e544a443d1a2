"""Label a file in one go: the batch job beside `watch`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apps.finance_monitor.feeds.feed import Feed, append_rejected
from apps.finance_monitor.feeds.opening import open_past
from apps.finance_monitor.schema import SENTIMENTS, ScoredRecord
from apps.finance_monitor.store import Store
from apps.finance_monitor.stories.companies import EntityList
from apps.finance_monitor.stories.ingest import Ingest, Taken
from common.console import progress, say
from common.errors import UserError
from common.records.writing import LINES, write_table

if TYPE_CHECKING:
    from apps.finance_monitor.stories.classifying import Classifier

BATCH = 256
# Of a company, where the model names no sentiment.
UNSURE = "unsure"


def score_file(
    source: Path, target: Path, classifier: Classifier, entities: EntityList | None
) -> tuple[int, int]:
    """Write a scored record for each record of `source` to `target`, whole or not at all.

    Records may share an id: a table that was put together is labelled row by row.

    Args:
        target: JSON lines, or a table by its suffix, which is held in memory.

    Returns:
        How many were scored, and how many rows were no records; these are written beside `target`.

    Raises:
        UserError: no such file, or one that cannot be written; or bad rows would replace `source`.
    """
    rejected = target.with_name(f"{target.stem}.rejected.jsonl")
    if rejected.resolve() == source.resolve():
        raise UserError(
            f"bad rows would be written to {rejected}, which is what is read",
            where=str(source),
            hint="Name another --output.",
        )
    feed, size = open_past(source)
    rejected.unlink(missing_ok=True)
    ingest = Ingest(classifier, entities, Store(None), every=True)
    counts = [0, 0]

    def stories() -> Iterator[ScoredRecord]:
        for taken, refused in _batches(feed, ingest, rejected, size):
            counts[0] += len(taken)
            counts[1] += refused
            yield from (one.story for one in taken)

    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.suffix.lower() in LINES:
            _write_lines(target, stories())
        else:
            write_table(target, [_row(story) for story in stories()])
    except OSError as error:
        raise UserError(str(error), where=str(target)) from None
    if counts[1]:
        say(f"{counts[1]} rows are no records; they were written to {rejected}")
    return counts[0], counts[1]


def _batches(
    feed: Feed, ingest: Ingest, rejected: Path, size: int
) -> Iterator[tuple[list[Taken], int]]:
    with progress("Scoring", size) as advance:
        left = size
        while True:
            batch = feed.read_batch(BATCH)
            append_rejected(rejected, batch.rejected)
            yield ingest.take(batch.records)[0], len(batch.rejected)
            advance(max(0, left - batch.backlog))
            left = batch.backlog
            if batch.ended:
                return


def _write_lines(target: Path, stories: Iterator[ScoredRecord]) -> None:
    temporary = target.with_name(f".{target.name}.tmp")
    with temporary.open("wb") as file:
        for story in stories:
            file.write(story.model_dump_json(exclude_none=True).encode() + b"\n")
    temporary.replace(target)


def _row(story: ScoredRecord) -> dict[str, Any]:
    """A scored record as one row of a table."""
    probabilities = story.sentiment.probabilities
    return {
        "id": story.id,
        "published_at": story.published_at.isoformat(),
        "title": story.title,
        "text": story.text,
        "source": story.source,
        "sentiment": story.sentiment.label,
        **{f"probability_{name}": probabilities.get(name) for name in SENTIMENTS},
        "topics": [topic.name for topic in story.topics],
        "targets": [f"{one.entity}: {one.sentiment or UNSURE}" for one in story.targets],
        "duplicate_of": story.duplicate_of,
        "novelty": story.novelty,
        "decided_by": story.decided_by.rules if story.decided_by else [],
        "routed_to": story.routed_to,
    }
