"""HTTP routes: the knowledge, edited live."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, TypeVar

from fastapi import FastAPI, HTTPException, Path, Query, Request
from starlette.responses import Response

from apps.customer_service.knowledge import editing
from apps.customer_service.knowledge.conflict import ConflictError
from apps.customer_service.knowledge.contradiction import (
    ContradictionError,
    FactCheck,
    against,
    agreeing,
)
from apps.customer_service.knowledge.schema import Edit, Kind, Knowledge, State
from apps.customer_service.knowledge.serving.bodies import (
    Author,
    Change,
    ChangedAnswer,
    ChangedFaq,
    Decisions,
    FaqRow,
    FaqRows,
    History,
    Id,
    NewFaq,
    Proposal,
    Saved,
    Seen,
    Undo,
    Watched,
    WhatWouldChange,
)
from apps.customer_service.knowledge.serving.live import LiveKnowledge
from apps.customer_service.knowledge.serving.preview import FindGolden, Previewer, gains
from apps.customer_service.knowledge.serving.watching import FileWatch
from common.serving.auditing.changes import note
from common.serving.problems import problem
from common.serving.speakers import Speakers
from common.storage.database import DATABASE_TROUBLE

T = TypeVar("T")
MOST_ROWS = 500
NOT_NAMED = "page"

MakeEdits = Callable[[Knowledge], Sequence[Edit]]


def author_of(request: Request, given: str | None = None) -> str:
    """Who edits: the key's name, or what they call themselves."""
    key: str | None = getattr(request.state, "api_key_name", None)
    return key or (given or "").strip() or NOT_NAMED


class Desk:
    """Where trusted people edit what is served.

    Args:
        watch: a file that is the truth, so that nothing is edited beside it.
        facts: what an FAQ must not contradict unless somebody insists.
    """

    def __init__(
        self,
        live: LiveKnowledge,
        speakers: Speakers,
        find_golden: FindGolden,
        watch: FileWatch | None = None,
        facts: FactCheck | None = None,
    ) -> None:
        if facts is not None:
            facts.say_contradictions(live.current.faqs.values())
        self.facts = facts
        self.live = live
        self.previewer = Previewer(find_golden)
        self.watch = watch
        self._speakers = speakers

    async def read(self, request: Request) -> Knowledge:
        """The knowledge as it is now, for whom it concerns."""
        self._speakers.require_trust(request)
        return await _working(self.live.catch_up)

    async def write(
        self,
        request: Request,
        edit: MakeEdits,
        given: str | None,
        kind: Kind,
        *,
        despite_facts: bool = False,
    ) -> Saved:
        """Make edits and serve them; refused where they contradict facts, unless `despite` them."""
        self._speakers.require_trust(request)
        if self.watch is not None:
            raise HTTPException(
                409, f"{self.watch.path.name} is watched and is the truth: edit it there."
            )
        author = author_of(request, given)
        facts = None if despite_facts else self.facts
        checked: MakeEdits = lambda now: agreeing(edit(now), facts)  # noqa: E731
        change, edits = await _working(lambda: self.live.write(checked, author=author, kind=kind))
        edited = [one.faq_id for one in edits]
        # What stood there before stands in the history, by the number of the change.
        note(request, about=edited, after=f"change {change}")
        rows = await asyncio.to_thread(self.rows, edited)
        return Saved(change=change, rows=rows)

    def rows(self, faq_ids: Sequence[str] | None = None) -> list[FaqRow]:
        """How FAQs stand; None: all of them."""
        knowledge, now = self.live.knowledge, datetime.now(UTC)
        of = gains(self.live.base, knowledge)
        if faq_ids is None:
            every = knowledge.all
        else:
            found = {i: knowledge.get(i) for i in faq_ids}
            every = {i: one for i, one in found.items() if one}
        return [FaqRow.of(i, one, now, of.get(i)) for i, one in every.items()]


def add_knowledge(app: FastAPI, desk: Desk) -> None:
    """Add `/v1/faqs` and what is below it, for those who are trusted."""
    app.add_exception_handler(ConflictError, _answer_conflict)
    app.add_exception_handler(ContradictionError, _answer_contradiction)
    _add_reading(app, desk)
    _add_writing(app, desk)
    _add_deciding(app, desk)


def _add_reading(app: FastAPI, desk: Desk) -> None:
    @app.get("/v1/faqs", tags=["knowledge"], summary="All FAQs, with drafts and what is removed")
    async def list_faqs(
        request: Request,
        search: Annotated[str, Query(max_length=200)] = "",
        state: Annotated[State | None, Query()] = None,
        language: Annotated[str | None, Query(max_length=20)] = None,
        group: Annotated[
            str | None, Query(max_length=200, description="One FAQ and its translations.")
        ] = None,
        offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
        limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = 100,
    ) -> FaqRows:
        await desk.read(request)
        rows = await asyncio.to_thread(desk.rows)
        fitting = [
            row
            for row in rows
            if state in {None, row.state}
            and (shown := row.shown)
            and language in {None, shown.language}
            and group in {None, row.id, shown.translation_of}
            and shown.holds(search)
        ]
        watch = desk.watch
        return FaqRows(
            rows=fitting[offset : offset + limit],
            found=len(fitting),
            counts=Counter(row.state for row in rows),
            newest=max((row.version for row in rows), default=0),
            watched=Watched(name=watch.path.name, trouble=watch.trouble) if watch else None,
        )

    @app.get("/v1/faqs/history", tags=["knowledge"], summary="What was changed, by whom")
    async def history(
        request: Request,
        faq_id: Annotated[Id | None, Query()] = None,
        limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = 100,
    ) -> History:
        await desk.read(request)
        store = desk.live.store
        versions = await _working(lambda: store.versions(faq_id=faq_id, limit=limit))
        sizes = await _working(lambda: store.sizes({one.change for one in versions}))
        return History(changes=[Change.of(one, sizes[one.change]) for one in reversed(versions)])


def _add_writing(app: FastAPI, desk: Desk) -> None:
    @app.post("/v1/faqs", tags=["knowledge"], status_code=201, summary="Add an FAQ")
    async def add(new: NewFaq, request: Request) -> Saved:
        faq = new.to_faq(new.id)
        edit = lambda now: editing.add(now, [faq], draft=new.draft)  # noqa: E731
        return await desk.write(request, edit, new.author, "add", despite_facts=new.despite_facts)

    @app.put("/v1/faqs/{faq_id:path}", tags=["knowledge"], summary="Change an FAQ")
    async def change(faq_id: Annotated[Id, Path()], new: ChangedFaq, request: Request) -> Saved:
        faq = new.to_faq(faq_id)

        def edit(now: Knowledge) -> list[Edit]:
            return editing.change(now, faq_id, faq, draft=new.draft, version=new.version)

        return await desk.write(request, edit, new.author, "edit", despite_facts=new.despite_facts)

    @app.delete("/v1/faqs/{faq_id:path}", tags=["knowledge"], summary="Serve an FAQ no more")
    async def remove(
        faq_id: Annotated[Id, Path()],
        request: Request,
        version: Annotated[Seen, Query()],
        author: Annotated[Author, Query()] = None,
    ) -> Saved:
        edit = lambda now: editing.remove(now, faq_id, version)  # noqa: E731
        return await desk.write(request, edit, author, "remove")


def _add_deciding(app: FastAPI, desk: Desk) -> None:
    @app.post("/v1/faqs/decisions", tags=["knowledge"], summary="Publish or reject drafts")
    async def decide(wanted: Decisions, request: Request) -> Saved:
        decided: Callable[[Knowledge, Mapping[str, int | None]], list[Edit]] = getattr(
            editing, wanted.decision
        )
        edit = lambda now: decided(now, dict(wanted.faqs))  # noqa: E731
        return await desk.write(
            request, edit, wanted.author, wanted.decision, despite_facts=wanted.despite_facts
        )

    @app.post("/v1/faqs/undo", tags=["knowledge"], summary="Take a change back")
    async def undo(wanted: Undo, request: Request) -> Saved:
        await desk.read(request)
        versions = await _working(lambda: desk.live.store.versions(change=wanted.change))
        if not versions:
            raise HTTPException(404, f"There is no change {wanted.change}.")
        edit = lambda now: editing.undo(now, versions, wanted.faq_id)  # noqa: E731
        return await desk.write(request, edit, wanted.author, "undo", despite_facts=True)

    @app.post("/v1/faqs/preview", tags=["knowledge"], summary="What would change")
    async def what_would_change(wanted: Proposal, request: Request) -> WhatWouldChange:
        now = await desk.read(request)
        return await _working(lambda: _preview(desk, wanted, now))


def _preview(desk: Desk, wanted: Proposal, now: Knowledge) -> WhatWouldChange:
    edits = editing.add(now, [one.to_faq(None) for one in wanted.add], draft=False)
    then = now.after(edits)
    for faq_id, one in wanted.change.items():
        # Of a draft, too: the question is what it would do.
        known = then.get(faq_id)
        edits += editing.change(then, faq_id, one.to_faq(faq_id), draft=False)
        then = now.after(edits)
        if known and known.standing.live is None:
            edits += editing.publish(then, {faq_id: None})
            then = now.after(edits)
    for faq_id in wanted.remove:
        edits += editing.remove(then, faq_id)
        then = now.after(edits)
    if wanted.publish:
        edits += editing.publish(then, dict.fromkeys(wanted.publish))
        then = now.after(edits)
    base = desk.live.base
    found = desk.previewer.preview(base, desk.live.reader, now, then)
    turns = Counter(one.turns for one in found.changed)
    changed = [ChangedAnswer.model_validate(asdict(one)) for one in found.changed]
    return WhatWouldChange(
        asked=found.asked,
        as_of=found.as_of,
        right=turns["right"],
        wrong=turns["wrong"],
        changed=changed,
        contradictions=against(desk.facts, edits) if desk.facts else [],
    )


async def _working(work: Callable[[], T]) -> T:
    try:
        return await asyncio.to_thread(work)
    except DATABASE_TROUBLE:
        raise HTTPException(503, "The database does not answer; try again.") from None


async def _answer_contradiction(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ContradictionError)
    found = [one.model_dump(mode="json") for one in error.found]
    return problem(409, error.what, hint=error.hint, contradictions=found)


async def _answer_conflict(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ConflictError)
    theirs = error.theirs
    return problem(
        409,
        error.what,
        hint=error.hint,
        version=theirs.change,
        author=theirs.author,
        current=theirs.standing.model_dump(mode="json"),
    )
