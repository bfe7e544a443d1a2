"""HTTP routes: what people say of stories."""

from __future__ import annotations

from typing import Any, Self

from fastapi import FastAPI, HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field, model_validator

from apps.finance_monitor.learning.corrections import corrected_text
from apps.finance_monitor.schema import Labelled
from apps.finance_monitor.watch.service import MonitorService
from common.learning.schema import Feedback
from common.records.fields import Text
from common.serving.learning.feedback import FeedbackCollector, now

MOST_TOPICS = 20


class StoryFeedback(BaseModel):
    """Body of `POST /v1/feedback`: what is right of a story."""

    model_config = ConfigDict(extra="forbid")

    story_id: Text
    sentiment: Labelled | None = None
    topics: list[Text] | None = Field(None, max_length=MOST_TOPICS)
    user: Text | None = Field(None, description="On whose behalf; kept as a hash.")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.sentiment is None and self.topics is None:
            raise ValueError("neither sentiment nor topics")
        return self


class StoryReceipt(BaseModel):
    """What was kept; `counts_alone`: the next `learn` takes it without a second source."""

    ids: list[str]
    counts_alone: bool


def add_feedback(app: FastAPI, service: MonitorService, collector: FeedbackCollector) -> None:
    """Add `POST /v1/feedback`."""

    @app.post(
        "/v1/feedback", tags=["feedback"], status_code=201, summary="Correct sentiment or topics"
    )
    async def feedback(said: StoryFeedback, request: Request) -> StoryReceipt:
        story = service.watch.store.story(said.story_id)
        if story is None:
            raise HTTPException(404, f"There is no story {said.story_id!r}.")
        if said.sentiment is not None and not service.live.current.network.has_sentiment:
            raise HTTPException(422, "The release knows no sentiment.")
        unknown = [name for name in said.topics or () if name not in service.live.current.topics]
        if unknown:
            known = ", ".join(service.live.current.topics) or "none"
            raise HTTPException(422, f"There is no topic {unknown[0]!r}; there are: {known}.")
        speaker = collector.speakers.of(request, said.user)
        given: dict[str, Any] = {
            "sentiment": story.sentiment.label,
            "topics": [topic.name for topic in story.topics],
        }
        if story.decided_by and story.decided_by.action != "route":
            given["rule"] = story.decided_by.rule
        wanted: list[dict[str, Any]] = []
        if said.sentiment is not None:
            wanted.append({"sentiment": said.sentiment})
        if said.topics is not None:
            wanted.append({"topics": sorted(set(said.topics))})
        rows = [
            Feedback(
                at=now(),
                source=speaker.source,
                subject=speaker.subject,
                trusted=speaker.trusted,
                prediction_id=story.id,
                release_id=story.release_id,
                kind="correction",
                text=corrected_text(story.content),
                given=given,
                wanted=one,
            )
            for one in wanted
        ]
        await collector.add(*rows)
        return StoryReceipt(ids=[row.id for row in rows], counts_alone=speaker.trusted)
