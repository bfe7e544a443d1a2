"""The history of knowledge in a database; rows are only added, but for what is purged."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, insert, select, text, update

from apps.customer_service.knowledge.conflict import ConflictError
from apps.customer_service.knowledge.schema import (
    Edit,
    Edited,
    Entry,
    Kind,
    Standing,
    Version,
    fold,
)
from apps.customer_service.schema import IMPORTED
from common.records.text import fold as folded
from common.storage.database import ROWS_TOGETHER, Database
from common.storage.tables import knowledge

APPLICATION = "customer_service"
# An FAQ whose name was purged is named by the beginning of its answer.
LONGEST_NAME = 80
# What stands in a mined answer where something was purged, and the tag that tells of it.
PURGED, MASKED = "<purged>", "masked"


class KnowledgeStore:
    """Every change that was made."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def newest(self) -> int:
        """Number of the last change; 0: there is none."""
        with self.database.reading() as connection:
            return _newest(connection)

    def versions(
        self,
        *,
        after: int = 0,
        faq_id: str | None = None,
        change: int | None = None,
        limit: int | None = None,
    ) -> list[Version]:
        """What was changed, oldest first; with `limit`, the latest of it."""
        query = select(knowledge).where(_own(), knowledge.c.change > after)
        if faq_id is not None:
            query = query.where(knowledge.c.faq_id == faq_id)
        if change is not None:
            query = query.where(knowledge.c.change == change)
        query = query.order_by(knowledge.c.change.desc(), knowledge.c.faq_id).limit(limit)
        with self.database.reading() as connection:
            return _read(connection, query)[::-1]

    def sizes(self, changes: Collection[int]) -> dict[int, int]:
        """How many FAQs each of some changes was about."""
        query = select(knowledge.c.change, func.count()).where(
            _own(), knowledge.c.change.in_(changes)
        )
        with self.database.reading() as connection:
            rows = connection.execute(query.group_by(knowledge.c.change))
            return {int(change): int(size) for change, size in rows}

    def edited(self) -> dict[str, Edited]:
        """How all FAQs stand that were ever edited."""
        return fold({}, self.versions())

    def write(self, edits: Sequence[Edit], *, author: str, kind: Kind) -> int:
        """Make edits as one change, all of them or none.

        Returns:
            The number of the change; of the last one, if there is nothing to do.

        Raises:
            ConflictError: somebody else changed one of the FAQs meanwhile.
        """
        with self.database.writing() as connection:
            self._one_at_a_time(connection)
            newest = _newest(connection)
            if not edits:
                return newest
            self._check(connection, edits)
            common = {"change": newest + 1, "at": time.time(), "author": author, "kind": kind}
            rows = [
                Version(
                    **common,
                    faq_id=edit.faq_id,
                    live=edit.after.live,
                    draft=edit.after.draft,
                    before=edit.before,
                )
                for edit in edits
            ]
            _insert(connection, rows)
            return newest + 1

    def purge(self, holds: str | None, whole: Collection[str]) -> list[str]:
        """Take customers' wordings out of every version, down to their bytes.

        Of what was mined, agents' answers are masked, too, but for those that are served.

        Args:
            holds: what a wording holds that is to go.
            whole: wordings that are to go.

        Returns:
            Ids of the FAQs that held one.
        """
        with self.database.writing() as connection:
            self._one_at_a_time(connection)
            versions = _read(connection, select(knowledge).where(_own()).order_by("change"))
            lives = {i: one.standing.live for i, one in fold({}, versions).items()}
            served = {i: live.answer for i, live in lives.items() if live}
            purge = _Purge(holds, {folded(one) for one in whole}, served)
            found = [(one, purge.clean(one)) for one in versions]
            changed = [(old, new) for old, new in found if old != new]
            for _, new in changed:
                values = new.model_dump(mode="json", include={"live", "draft", "before"})
                same = (knowledge.c.change == new.change) & (knowledge.c.faq_id == new.faq_id)
                connection.execute(update(knowledge).where(_own(), same).values(values))
            if changed:
                self._tell(connection, fold({}, [new for _, new in found]), changed)
        if changed:
            self.database.erase()
        return sorted({old.faq_id for old, _ in changed})

    def _tell(
        self,
        connection: Connection,
        edited: dict[str, Edited],
        changed: Sequence[tuple[Version, Version]],
    ) -> None:
        """One more change: who serves reads everything anew."""
        number = _newest(connection) + 1
        rows = [
            Version(
                change=number,
                faq_id=faq_id,
                at=time.time(),
                author="purge",
                kind="purge",
                live=edited[faq_id].standing.live,
                draft=edited[faq_id].standing.draft,
                before=edited[faq_id].standing,
            )
            for faq_id in sorted({old.faq_id for old, _ in changed})
        ]
        _insert(connection, rows)

    def _one_at_a_time(self, connection: Connection) -> None:
        # So that numbers become visible in their order; SQLite has one writer anyway.
        if not self.database.is_sqlite:
            connection.execute(text("LOCK TABLE knowledge IN EXCLUSIVE MODE"))

    def _check(self, connection: Connection, edits: Sequence[Edit]) -> None:
        """See that nobody changed an FAQ since its editor saw it."""
        for start in range(0, len(edits), ROWS_TOGETHER):
            some = {edit.faq_id: edit.version for edit in edits[start : start + ROWS_TOGETHER]}
            columns = (knowledge.c.faq_id, func.max(knowledge.c.change))
            query = select(*columns).where(_own(), knowledge.c.faq_id.in_(some))
            for faq_id, change in connection.execute(query.group_by(knowledge.c.faq_id)):
                if change != some[faq_id]:
                    wanted = (knowledge.c.faq_id == faq_id) & (knowledge.c.change == change)
                    (theirs,) = _read(connection, select(knowledge).where(_own(), wanted))
                    raise ConflictError(theirs)


def _own() -> ColumnElement[bool]:
    return knowledge.c.application == APPLICATION


def _newest(connection: Connection) -> int:
    query = select(func.coalesce(func.max(knowledge.c.change), 0)).where(_own())
    return int(connection.execute(query).scalar_one())


def _read(connection: Connection, query: Select[Any]) -> list[Version]:
    return [Version.model_validate(row) for row in connection.execute(query)]


def _insert(connection: Connection, rows: Sequence[Version]) -> None:
    values = [{"application": APPLICATION, **row.model_dump(mode="json")} for row in rows]
    connection.execute(insert(knowledge), values)


@dataclass(frozen=True)
class _Purge:
    """What is to go, and what stays because it is served.

    Attributes:
        holds: what a text holds that is to go.
        whole: wordings that are to go, folded.
        served: by FAQ, the answer that somebody approved and that is served now.
    """

    holds: str | None
    whole: Collection[str]
    served: Mapping[str, str]

    def clean(self, version: Version) -> Version:
        """A version without what is to go."""
        before = version.before
        if before is not None:
            before = Standing(live=self._clean(before.live), draft=self._clean(before.draft))
        live, draft = self._clean(version.live), self._clean(version.draft)
        return version.model_copy(update={"live": live, "draft": draft, "before": before})

    def _is_gone(self, text: str) -> bool:
        return folded(text) in self.whole or (self.holds is not None and self.holds in text)

    def _clean(self, entry: Entry | None) -> Entry | None:
        """An entry without wordings; one that is named by one is named otherwise."""
        if entry is None:
            return None
        entry = self._without_answers(entry)
        is_mined = IMPORTED in entry.tags
        by_customers = [*entry.heard, *(entry.variants if is_mined else ())]
        gone = {text for text in by_customers if self._is_gone(text)}
        if not gone:
            return entry
        heard = [text for text in entry.heard if text not in gone]
        similar = entry.similar_questions
        similar = [text for text in similar if text not in gone] if is_mined else similar
        name = entry.question
        if name in gone:
            name = next(iter([*similar, *heard]), entry.answer[:LONGEST_NAME])
            similar = [text for text in similar if text != name]
        return entry.model_copy(
            update={"heard": heard, "similar_questions": similar, "question": name}
        )

    def _without_answers(self, entry: Entry) -> Entry:
        """An entry without what agents said: other answers go, and the mined one is masked."""
        changed: dict[str, Any] = {}
        if entry.mined and any(map(self._is_gone, entry.mined.other_answers)):
            kept = [text for text in entry.mined.other_answers if not self._is_gone(text)]
            changed["mined"] = entry.mined.model_copy(update={"other_answers": kept})
        is_served = entry.answer == self.served.get(entry.id)
        holds = self.holds
        if IMPORTED in entry.tags and holds and holds in entry.answer and not is_served:
            changed["answer"] = entry.answer.replace(holds, PURGED)
            changed["tags"] = list(dict.fromkeys([*entry.tags, MASKED]))
        return entry.model_copy(update=changed) if changed else entry
