"""HTTP routes: what people say of stories."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, Self

from fastapi import FastAPI, HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field, model_validator

from apps.finance_monitor.learning.corrections import corrected_text
from apps.finance_monitor.schema import Labelled, ScoredRecord
from apps.finance_monitor.stories.classifying import Classifier
from apps.finance_monitor.watch.service import MonitorService
from common.learning.schema import Feedback
from common.records.fields import Text
from common.serving.learning.feedback import FeedbackCollector, now

MOST_TOPICS, MOST_TARGETS = 20, 20


class CompanySaid(BaseModel):
    """What is right of one company of a story."""

    model_config = ConfigDict(extra="forbid")

    entity: Text
    sentiment: Labelled


class StoryFeedback(BaseModel):
    """Body of `POST /v1/feedback`: what is right of a story."""

    model_config = ConfigDict(extra="forbid")

    story_id: Text
    sentiment: Labelled | None = None
    topics: list[Text] | None = Field(None, max_length=MOST_TOPICS)
    targets: list[CompanySaid] = Field([], max_length=MOST_TARGETS)
    user: Text | None = Field(None, description="On whose behalf; kept as a hash.")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.sentiment is None and self.topics is None and not self.targets:
            raise ValueError("neither sentiment nor topics nor targets")
        return self


class StoryReceipt(BaseModel):
    """What was kept; `counts_alone`: the next `learn` takes it without a second source."""

    ids: list[str]
    counts_alone: bool


def add_feedback(app: FastAPI, service: MonitorService, collector: FeedbackCollector) -> None:
    """Add `POST /v1/feedback`."""

    @app.post(
        "/v1/feedback",
        tags=["feedback"],
        status_code=201,
        summary="Correct sentiment or topics",
        description="`targets`: what is right of companies that the story names.",
    )
    async def feedback(said: StoryFeedback, request: Request) -> StoryReceipt:
        story = await asyncio.to_thread(service.watch.store.story, said.story_id)
        if story is None:
            raise HTTPException(404, f"There is no story {said.story_id!r}.")
        _check(said, service.live.current)
        speaker = collector.speakers.of(request, said.user)
        text = corrected_text(story.content)
        rows = [
            Feedback(
                at=now(),
                source=speaker.source,
                subject=speaker.subject,
                trusted=speaker.trusted,
                prediction_id=story.id,
                release_id=story.release_id,
                kind="correction",
                text=text,
                given=given,
                wanted=wanted,
            )
            for given, wanted in (
                *_of_text(said, story),
                *_of_companies(said, story, text, service),
            )
        ]
        await collector.add(*rows)
        return StoryReceipt(ids=[row.id for row in rows], counts_alone=speaker.trusted)


# What was shown, and what is right.
Said = tuple[dict[str, Any], dict[str, Any]]


def _check(said: StoryFeedback, serving: Classifier) -> None:
    if said.sentiment is not None and not serving.network.has_sentiment:
        raise HTTPException(422, "The release knows no sentiment.")
    if said.targets and not serving.network.has_targets:
        raise HTTPException(422, "The release knows no sentiment towards companies.")
    unknown = [name for name in said.topics or () if name not in serving.topics]
    if unknown:
        known = ", ".join(serving.topics) or "none"
        raise HTTPException(422, f"There is no topic {unknown[0]!r}; there are: {known}.")


def _of_text(said: StoryFeedback, story: ScoredRecord) -> Iterator[Said]:
    if said.sentiment is not None:
        yield _shown(story), {"sentiment": said.sentiment}
    if said.topics is not None:
        yield _shown(story), {"topics": sorted(set(said.topics))}


def _of_companies(
    said: StoryFeedback, story: ScoredRecord, text: str, service: MonitorService
) -> Iterator[Said]:
    """Each with how the text calls the company: whoever learns from it may have no list.

    Of a company that is not asked about by itself, it is the text's sentiment that is corrected.
    """
    named = service.mentions_in(text, story.entities)
    judges = service.live.current.judges(named)
    for one in said.targets:
        company = service.company_of(story, one.entity)
        if company not in story.entities:
            known = ", ".join(story.entities) or "none"
            raise HTTPException(422, f"The story names no {company!r}; it names: {known}.")
        if not judges:
            yield _shown(story), {"sentiment": one.sentiment}
            continue
        given = {
            "entity": company,
            "target": story.sentiment_towards(company).label,
            # A rule speaks of the whole text, and so of its only company.
            **(_rule(story) if len(story.entities) == 1 else {}),
        }
        called = {text[start:end] for start, end in named.get(company, ())}
        mentions = {"mentions": "|".join(sorted(called))} if called - {company} else {}
        yield given, {"entity": company, "target": one.sentiment, **mentions}


def _shown(story: ScoredRecord) -> dict[str, Any]:
    return {
        "sentiment": story.sentiment.label,
        "topics": [topic.name for topic in story.topics],
        **_rule(story),
    }


def _rule(story: ScoredRecord) -> dict[str, str]:
    if story.decided_by and story.decided_by.action != "route":
        return {"rule": story.decided_by.rule}
    return {}
