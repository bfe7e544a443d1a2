"""A release alone in a registry of its own, with what people said of it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from common.learning.schema import Feedback
from common.learning.store import FeedbackStore
from common.releases.registry import Registry
from common.releases.release import Release
from common.storage.database import Database


@contextmanager
def corrected(
    serving: Release, application: str, rows: Sequence[Feedback]
) -> Iterator[tuple[Registry, FeedbackStore]]:
    """Gone after the `with` block, and all that was learned in it."""
    with tempfile.TemporaryDirectory() as folder:
        registry = Registry(Path(folder), application)
        registry.releases.mkdir(parents=True)
        (registry.releases / serving.release_id).symlink_to(serving.directory.resolve())
        registry.promote(serving.release_id)
        database = Database(Path(folder) / "feedback.sqlite")
        store = FeedbackStore(database, application)
        store.add(rows)
        try:
            yield registry, store
        finally:
            database.close()
