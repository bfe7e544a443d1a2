"""Label a file in one go: the batch job beside `watch`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apps.finance_monitor.feeds.feed import Feed, Rejected, append_rejected
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
        UserError: no such file, or one that cannot be written; no row is a record; or what is
            written would replace `source`.
    """
    rejected = target.with_name(f"{target.stem}.rejected.jsonl")
    for what, path in (("bad rows", rejected), ("scored news", target)):
        if path.resolve() == source.resolve():
            raise UserError(
                f"{what} would be written to {path}, which is what is read",
                where=str(source),
                hint="Name another --output.",
            )
    feed, size = open_past(source)
    rejected.unlink(missing_ok=True)
    ingest = Ingest(classifier, entities, Store(None), every=True)
    scored, refused = 0, list[Rejected]()

    def stories() -> Iterator[ScoredRecord]:
        nonlocal scored
        for taken, bad in _batches(feed, ingest, rejected, size):
            scored += len(taken)
            refused.extend(bad)
            yield from (one.story for one in taken)
        if refused and not scored:
            raise UserError(
                f"no row is a record: {refused[0].reason}",
                where=refused[0].place,
                hint=f"All {len(refused)} with their reasons: {rejected}",
            )

    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.suffix.lower() in LINES:
            _write_lines(target, stories())
        else:
            write_table(target, [_row(story) for story in stories()])
    except OSError as error:
        raise UserError(str(error), where=str(target)) from None
    if refused:
        first = f"{refused[0].place}: {refused[0].reason}"
        say(f"{len(refused)} rows are no records ({first} …); they were written to {rejected}")
    return scored, len(refused)


def _batches(
    feed: Feed, ingest: Ingest, rejected: Path, size: int
) -> Iterator[tuple[list[Taken], list[Rejected]]]:
    with progress("Scoring", size) as advance:
        left = size
        while True:
            batch = feed.read_batch(BATCH)
            append_rejected(rejected, batch.rejected)
            yield ingest.take(batch.records)[0], batch.rejected
            advance(max(0, left - batch.backlog))
            left = batch.backlog
            if batch.ended:
                return


def _write_lines(target: Path, stories: Iterator[ScoredRecord]) -> None:
    temporary = target.with_name(f".{target.name}.tmp")
    try:
        with temporary.open("wb") as file:
            for story in stories:
                file.write(story.model_dump_json(exclude_none=True).encode() + b"\n")
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


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
