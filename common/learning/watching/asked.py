"""What a release predicted, read as it is written."""

from __future__ import annotations

from collections.abc import Iterator

from common.learning.schema import Prediction
from common.learning.store import FeedbackStore

ROWS_TOGETHER = 1000


class Asked:
    """The predictions of one release, each text once.

    A probe that asks the same every second says nothing of what people ask.
    """

    def __init__(self, store: FeedbackStore, release_id: str) -> None:
        self._store = store
        self._release_id = release_id
        self._last = (0.0, "")
        self._seen: set[str] = set()

    def new(self) -> Iterator[Prediction]:
        """Those that were written since."""
        while rows := self._store.predictions(self._release_id, self._last, ROWS_TOGETHER):
            self._last = (rows[-1].at, rows[-1].id)
            for row in rows:
                if row.text not in self._seen:
                    self._seen.add(row.text)
                    yield row
