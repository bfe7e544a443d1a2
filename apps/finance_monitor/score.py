"""Label a file in one go: the batch job beside `watch`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from apps.finance_monitor.feeds.feed import append_rejected
from apps.finance_monitor.feeds.file_feed import FileFeed
from apps.finance_monitor.store import Store
from apps.finance_monitor.stories.companies import EntityList
from apps.finance_monitor.stories.ingest import Intake, Taken
from common.console import progress, say
from common.errors import UserError

if TYPE_CHECKING:
    from apps.finance_monitor.stories.classifying import Classifier

BATCH = 256


def score_file(
    source: Path, target: Path, classifier: Classifier, entities: EntityList | None
) -> tuple[int, int]:
    """Write a scored record for each line of `source` to `target`, whole or not at all.

    Returns:
        How many were scored, and how many lines were no records; these are kept beside `target`.

    Raises:
        UserError: no such file.
    """
    feed = FileFeed(source, once=True)
    temporary = target.with_name(f".{target.name}.tmp")
    rejected = target.with_name(f"{target.stem}.rejected.jsonl")
    rejected.unlink(missing_ok=True)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        file = temporary.open("wb")
    except OSError as error:
        raise UserError(str(error), where=str(target)) from None
    intake = Intake(classifier, entities, Store(None))
    scored = bad = 0
    with file:
        for taken, refused in _batches(feed, intake, rejected, source.stat().st_size):
            scored += len(taken)
            bad += refused
            _write(file, taken)
    temporary.replace(target)
    if bad:
        say(f"{bad} lines are no records: {rejected}")
    return scored, bad


def _batches(
    feed: FileFeed, intake: Intake, rejected: Path, size: int
) -> Iterator[tuple[list[Taken], int]]:
    with progress("Scoring", size) as advance:
        left = size
        while True:
            batch = feed.read_batch(BATCH)
            append_rejected(rejected, batch.rejected)
            yield intake.take(batch.records)[0], len(batch.rejected)
            advance(max(0, left - batch.backlog))
            left = batch.backlog
            if batch.ended:
                return


def _write(file: BinaryIO, taken: list[Taken]) -> None:
    for one in taken:
        file.write(one.story.model_dump_json(exclude_none=True).encode() + b"\n")
