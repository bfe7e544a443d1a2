"""Predictions and feedback of one application, in a database."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from sqlalchemy import (
    ColumnElement,
    Table,
    and_,
    case,
    delete,
    func,
    literal,
    or_,
    select,
    true,
    update,
)

from common.errors import UserError
from common.learning.schema import CHAT, PERSON, RULE, Feedback, Prediction, Status
from common.learning.watching.probation import Count
from common.storage.database import ROWS_TOGETHER, Database
from common.storage.tables import feedback, predictions

# The decision that hands a question over to a person.
HANDOFF = "handoff"
HANDED_OVER, SAID_TO_BE_BAD = "handed over", "said to be bad"


@dataclass(frozen=True)
class Purged:
    """How many rows went, and the texts that were in them."""

    predictions: int
    feedback: int
    texts: frozenset[str] = frozenset()

    def __add__(self, other: Purged) -> Purged:
        """Both together."""
        return Purged(
            self.predictions + other.predictions,
            self.feedback + other.feedback,
            self.texts | other.texts,
        )


class FeedbackStore:
    """What `application` predicted and what people said of it."""

    kinds: Mapping[str, type[BaseModel]] = {"prediction": Prediction, "feedback": Feedback}

    def __init__(self, database: Database, application: str) -> None:
        self.database = database
        self.application = application

    def add(self, rows: Sequence[Prediction | Feedback]) -> None:
        """Keep rows, in one transaction; one whose id is there already is the same row again."""
        kinds = ((predictions, Prediction), (feedback, Feedback))
        with self.database.writing() as connection:
            for table, kind in kinds:
                values = [
                    {"application": self.application, **row.model_dump()}
                    for row in rows
                    if isinstance(row, kind)
                ]
                self.database.insert_new(connection, table, values)

    def prediction(self, identity: str) -> Prediction | None:
        """A prediction by its id."""
        query = select(predictions).where(self._own(predictions), predictions.c.id == identity)
        with self.database.reading() as connection:
            row = connection.execute(query).first()
        return None if row is None else Prediction.model_validate(row)

    def predictions(
        self, release_id: str, after: tuple[float, str], limit: int
    ) -> list[Prediction]:
        """The next predictions of a release, oldest first.

        Args:
            after: time and id of the last that is known.
        """
        at, identity = after
        later = or_(
            predictions.c.at > at, and_(predictions.c.at == at, predictions.c.id > identity)
        )
        wanted = (self._own(predictions), predictions.c.release_id == release_id, later)
        query = select(predictions).where(*wanted).order_by(predictions.c.at, predictions.c.id)
        with self.database.reading() as connection:
            rows = connection.execute(query.limit(limit)).all()
        return [Prediction.model_validate(row) for row in rows]

    def asked_since(
        self, at: float, limit: int, decisions: Collection[str] = ()
    ) -> list[Prediction]:
        """The latest predictions since then, oldest first; of these `decisions`, or of all."""
        wanted = [self._own(predictions), predictions.c.at >= at]
        if decisions:
            wanted.append(predictions.c.decision.in_(decisions))
        query = select(predictions).where(*wanted).order_by(predictions.c.at.desc())
        with self.database.reading() as connection:
            rows = connection.execute(query.limit(limit)).all()
        return [Prediction.model_validate(row) for row in reversed(rows)]

    def feedback(
        self,
        *,
        status: Status | None = None,
        kind: str | None = None,
        since: float = 0.0,
        limit: int | None = None,
    ) -> list[Feedback]:
        """What people said, oldest first; with `limit`, the latest of it."""
        wanted = [self._own(feedback), feedback.c.at >= since]
        if status:
            wanted.append(feedback.c.status == status)
        if kind:
            wanted.append(feedback.c.kind == kind)
        query = select(feedback).where(*wanted).order_by(feedback.c.at.desc(), feedback.c.id)
        with self.database.reading() as connection:
            rows = connection.execute(query.limit(limit)).all()
        return [Feedback.model_validate(row) for row in reversed(rows)]

    def one(self, identity: str) -> Feedback:
        """One row by its id, or by the beginning of it.

        Raises:
            UserError: there is none, or there are several.
        """
        query = select(feedback).where(
            self._own(feedback), feedback.c.id.startswith(identity, autoescape=True)
        )
        with self.database.reading() as connection:
            rows = connection.execute(query.limit(2)).all()
        if len(rows) != 1:
            several = "several begin so" if rows else "there is none"
            raise UserError(f"feedback {identity!r}: {several}", hint="See: feedback list")
        return Feedback.model_validate(rows[0])

    def counts(self, kind: str | None = None) -> dict[str, int]:
        """How many rows of feedback there are, by their status."""
        return self._counted(feedback.c.status, feedback.c.kind == kind if kind else true())

    def outcomes(self, release_ids: Collection[str]) -> dict[str, dict[str, Count]]:
        """How many questions each release handed over, and how many people got a bad answer of it.

        A question that is asked again and again counts once, and so does whoever judges.
        """
        handed = func.max(case((predictions.c.decision == HANDOFF, 1), else_=0))
        bad = func.max(case((feedback.c.kind == "bad", 1), else_=0))
        by_rule = feedback.c.given["rule"].as_string().is_not(None)
        judged = and_(feedback.c.kind.in_(("good", "bad")), ~by_rule)
        asked = predictions.c.decision.not_in((CHAT, PERSON, RULE))
        shares = {
            HANDED_OVER: self._share(predictions, predictions.c.text, handed, release_ids, asked),
            SAID_TO_BE_BAD: self._share(feedback, feedback.c.source, bad, release_ids, judged),
        }
        return {
            release_id: {what: found[release_id] for what, found in shares.items()}
            for release_id in release_ids
        }

    def _share(
        self,
        table: Table,
        once: ColumnElement[Any],
        is_bad: ColumnElement[int],
        release_ids: Collection[str],
        which: ColumnElement[bool],
    ) -> dict[str, Count]:
        own = table.c.release_id
        wanted = (self._own(table), own.in_(release_ids), which)
        each = select(own, is_bad.label("bad")).where(*wanted).group_by(own, once).subquery()
        query = select(each.c.release_id, func.sum(each.c.bad), func.count())
        with self.database.reading() as connection:
            found = connection.execute(query.group_by(each.c.release_id)).all()
        none = dict.fromkeys(release_ids, Count(0, 0))
        return none | {str(name): Count(int(bad), int(count)) for name, bad, count in found}

    def _counted(self, column: ColumnElement[Any], which: ColumnElement[bool]) -> dict[str, int]:
        query = select(column, func.count()).where(self._own(feedback), which).group_by(column)
        with self.database.reading() as connection:
            return {str(row[0]): int(row[1]) for row in connection.execute(query)}

    def decide(self, identities: Sequence[str], status: Status, by: str | None) -> int:
        """Accept, reject, or with `new` leave open again.

        What a release learned from can only be opened again, as after a rollback.

        Returns:
            How many rows changed.
        """
        at = time.time() if by else None
        chosen = and_(
            self._own(feedback),
            feedback.c.id.in_(identities),
            or_(feedback.c.status != "learned", literal(status == "new")),
        )
        values = {"status": status, "decided_by": by, "decided_at": at, "learned_in": None}
        with self.database.writing() as connection:
            return connection.execute(update(feedback).where(chosen).values(values)).rowcount

    def mark_learned(self, identities: Sequence[str], release_id: str) -> None:
        """Remember which release learned from which rows."""
        with self.database.writing() as connection:
            for start in range(0, len(identities), ROWS_TOGETHER):
                some = identities[start : start + ROWS_TOGETHER]
                chosen = and_(self._own(feedback), feedback.c.id.in_(some))
                values = {"status": "learned", "learned_in": release_id}
                connection.execute(update(feedback).where(chosen).values(values))

    def purge(self, *, subject: str | None = None, text: str | None = None) -> Purged:
        """Delete all rows of a subject, or with a text in them, down to their bytes."""
        texts: set[str] = set()
        found = []
        for table in (predictions, feedback):
            matching = self._matching(table, subject, text)
            query = select(table.c.text).where(self._own(table), matching)
            with self.database.reading() as connection:
                texts |= set(connection.execute(query).scalars())
            found.append(self._delete(table, matching))
        self.database.erase()
        return Purged(found[0], found[1], frozenset(texts))

    def forget_before(self, at: float) -> Purged:
        """Delete what is older; feedback that no release has learned from stays."""
        old = self._delete(predictions, predictions.c.at < at)
        done = and_(feedback.c.at < at, feedback.c.status.in_(("learned", "rejected")))
        return Purged(old, self._delete(feedback, done))

    def _delete(self, table: Table, which: ColumnElement[bool]) -> int:
        with self.database.writing() as connection:
            return connection.execute(delete(table).where(self._own(table), which)).rowcount

    def _matching(self, table: Table, subject: str | None, text: str | None) -> ColumnElement[bool]:
        columns: dict[str, Any] = {column.name: column for column in table.columns}
        found = []
        if subject is not None:
            found.append(columns["subject"] == subject)
        if text is not None:
            found.append(columns["text"].contains(text, autoescape=True))
            if "wanted" in columns:
                # A written answer, as JSON spells it.
                found.append(
                    columns["wanted"]["answer"].as_string().contains(text, autoescape=True)
                )
        return or_(*found)

    def _own(self, table: Table) -> ColumnElement[bool]:
        return table.c.application == self.application
