"""A server of an application of one's own: what its routes call."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

from fastapi import HTTPException, Request
from pydantic import BaseModel

from common.applications.application import FIGURE, Answer, Application, Correction, Question
from common.learning.behind import KEEP_SECONDS
from common.learning.schema import Feedback, Prediction
from common.models.prediction import TOKENS_PER_BATCH
from common.records.personal import prepare
from common.releases.registry import Registry
from common.serving.app import create_app
from common.serving.batching import Batcher
from common.serving.beside import running_beside
from common.serving.disconnect import until_disconnected
from common.serving.keys.live import ApiKeys
from common.serving.learning.feedback import add_feedback_routes, collect_feedback, now
from common.serving.learning.releases import add_releases
from common.serving.switching.live import LiveRelease
from common.serving.telemetry import Telemetry
from common.storage.audit_log import AuditLog

MAX_BODY_BYTES = 256 * 1024
QUEUE_BOUND = 256

Q = TypeVar("Q", bound=Question)
A = TypeVar("A", bound=Answer)


class Receipt(BaseModel):
    """What was kept; `counts_alone`: the next `train` takes it without a second source."""

    id: str
    counts_alone: bool


class Service(Generic[Q, A]):
    """Answers of the release that serves, and what is said of them.

    `app` has all routes but those of the application itself.

    Args:
        database: where answers and corrections are kept; None: in the store.
        trusted_keys: names of keys whose corrections count alone.
        keep_seconds: how long answers are kept, and corrections that were rejected.

    Raises:
        UserError: there is no release, or it is damaged.
    """

    def __init__(
        self,
        application: Application,
        registry: Registry,
        *,
        device: str = "auto",
        api_keys: ApiKeys | None = None,
        known_hosts: frozenset[str] | None = None,
        database: str | Path | None = None,
        trusted_keys: Collection[str] = (),
        keep_seconds: float = KEEP_SECONDS,
    ) -> None:
        load = partial(application.find_model().load, device=device)
        self._live = LiveRelease(registry, load)
        self._collector = collect_feedback(
            registry,
            application.name,
            database=database,
            keep_seconds=keep_seconds,
            trusted_keys=trusted_keys,
            has_keys=api_keys is not None,
        )
        self._batcher: Batcher[Q, A] = Batcher(
            self._answer_all,
            cost=lambda question: question.cost,
            budget=TOKENS_PER_BATCH,
            queue_bound=QUEUE_BOUND,
        )
        telemetry = Telemetry()
        telemetry.watch("questions", self._batcher)
        self.app = create_app(
            title=application.name,
            version="1",
            description="Made with `python -m apps new`.",
            is_ready=self._is_ready,
            lifespan=running_beside([self._live, self._collector], [self._batcher]),
            telemetry=telemetry,
            max_body_bytes=MAX_BODY_BYTES,
            api_keys=api_keys,
            known_hosts=known_hosts,
            audit=AuditLog(self._collector.store.database, application.name),
        )
        add_feedback_routes(self.app, self._collector, telemetry)
        add_releases(self.app, registry, self._collector.speakers, [FIGURE])

    async def answer(self, question: Q, request: Request) -> A:
        """Answer, and keep the answer behind it."""
        found = await until_disconnected(request, self._batcher.submit(question))
        kept = Prediction(
            id=found.id,
            at=now(),
            source=self._collector.speakers.of(request).source,
            release_id=found.release_id,
            text=prepare(question.text),
            decision="answer",
            given=found.given,
        )
        self._collector.writer.put(kept)
        return found

    async def hear(self, said: Correction, request: Request) -> Receipt:
        """Keep a correction."""
        prediction = await self._collector.prediction(said.answer_id)
        if prediction is None:
            raise HTTPException(404, f"There is no answer {said.answer_id!r}.")
        speaker = self._collector.speakers.of(request)
        row = Feedback(
            at=now(),
            source=speaker.source,
            trusted=speaker.trusted,
            prediction_id=prediction.id,
            release_id=prediction.release_id,
            kind="correction",
            text=prediction.text,
            given=prediction.given,
            wanted=said.wanted(prediction.given, trusted=speaker.trusted),
        )
        await self._collector.add(row)
        return Receipt(id=row.id, counts_alone=row.trusted)

    def _is_ready(self) -> tuple[bool, dict[str, Any]]:
        refused = {"refused_release": self._live.refused} if self._live.refused else {}
        return True, {"release_id": self._live.release_id, **refused}

    def _answer_all(self, questions: Sequence[Q]) -> list[A]:
        return self._live.current.answer(questions)
