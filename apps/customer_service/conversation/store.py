"""The turns of conversations, in a database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from sqlalchemy import ColumnElement, and_, delete, or_, select

from apps.customer_service.conversation.turns import MOST_TURNS, Turn
from common.storage.database import Database
from common.storage.tables import turns

APPLICATION = "customer_service"
# Columns of their own; what else a turn has is in `given`.
COLUMNS = ("id", "conversation_id", "owner", "subject", "at", "text", "understood_as")


class ConversationStore:
    """Appends turns and reads the last ones: whoever writes at the same time takes nothing away."""

    kinds: Mapping[str, type[BaseModel]] = {"turn": Turn}

    def __init__(self, database: Database) -> None:
        self.database = database

    def add(self, rows: Sequence[Turn]) -> None:
        """Keep turns; one whose id is there already is the same again. Old ones give way."""
        with self.database.writing() as connection:
            self.database.insert_new(connection, turns, [_row_of(turn) for turn in rows])
            for identity in sorted({turn.conversation_id for turn in rows}):
                own = and_(_own(), turns.c.conversation_id == identity)
                latest = select(turns.c.id).where(own).order_by(turns.c.at.desc(), turns.c.id)
                kept = latest.limit(MOST_TURNS)
                connection.execute(delete(turns).where(own, turns.c.id.not_in(kept)))

    def history(self, identity: str, owner: str, since: float) -> list[Turn]:
        """The last turns of a conversation since a time, oldest first; none of another owner's."""
        wanted = (
            _own(),
            turns.c.conversation_id == identity,
            turns.c.owner == owner,
            turns.c.at >= since,
        )
        latest = select(turns).where(*wanted).order_by(turns.c.at.desc(), turns.c.id)
        with self.database.reading() as connection:
            rows = connection.execute(latest.limit(MOST_TURNS)).mappings().all()
        return [_turn_of(dict(row)) for row in reversed(rows)]

    def forget_before(self, at: float) -> int:
        """Delete what is older."""
        return self._delete(turns.c.at < at)

    def purge(self, *, subject: str | None = None, text: str | None = None) -> int:
        """Delete all turns of a subject, or with a text in them."""
        found = []
        if subject is not None:
            found.append(turns.c.subject == subject)
        if text is not None:
            columns = (turns.c.text, turns.c.understood_as, turns.c.given["topic"].as_string())
            found += [column.contains(text, autoescape=True) for column in columns]
        return self._delete(or_(*found))

    def _delete(self, which: ColumnElement[bool]) -> int:
        with self.database.writing() as connection:
            return connection.execute(delete(turns).where(_own(), which)).rowcount


def _own() -> ColumnElement[bool]:
    return turns.c.application == APPLICATION


def _row_of(turn: Turn) -> dict[str, Any]:
    values = turn.model_dump()
    row = {name: values.pop(name) for name in COLUMNS}
    return {"application": APPLICATION, **row, "given": values}


def _turn_of(row: Mapping[str, Any]) -> Turn:
    return Turn(**{name: row[name] for name in COLUMNS}, **row["given"])
