"""Questions that are said not to be the business's own, in a database; by hash, without a text."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence

from sqlalchemy import delete, select

from common.records.fields import content_hash
from common.records.text import fold
from common.storage.database import ROWS_TOGETHER, Database
from common.storage.tables import dismissed

APPLICATION = "customer_service"


class DismissedStore:
    """What is not counted among what is missing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def dismiss(self, texts: Sequence[str], author: str) -> None:
        """Count these texts no more."""
        common = {"application": APPLICATION, "at": time.time(), "author": author}
        rows = [{**common, "key": key} for key in _keys(texts)]
        with self._database.writing() as connection:
            self._database.insert_new(connection, dismissed, rows)

    def undo(self, texts: Sequence[str]) -> None:
        """Count them again."""
        mine = dismissed.c.application == APPLICATION
        gone = delete(dismissed).where(mine, dismissed.c.key.in_(_keys(texts)))
        with self._database.writing() as connection:
            connection.execute(gone)

    def among(self, texts: Sequence[str]) -> set[str]:
        """Those of some texts that are dismissed."""
        keys = {content_hash(fold(text)): text for text in texts}
        found: set[str] = set()
        with self._database.reading() as connection:
            for start in range(0, len(keys), ROWS_TOGETHER):
                some = [*keys][start : start + ROWS_TOGETHER]
                wanted = (dismissed.c.application == APPLICATION, dismissed.c.key.in_(some))
                found |= set(connection.execute(select(dismissed.c.key).where(*wanted)).scalars())
        return {text for text in texts if content_hash(fold(text)) in found}


def _keys(texts: Collection[str]) -> list[str]:
    return sorted({content_hash(fold(text)) for text in texts})
