"""HTTP route: why a story was labelled as it was."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from fastapi import FastAPI, HTTPException, Request

from apps.finance_monitor.explaining.account import account
from apps.finance_monitor.explaining.story import explain_story, explain_towards, learned_from
from apps.finance_monitor.learning.lessons import LESSONS, load_lessons
from apps.finance_monitor.stories.classifying import Classifier
from apps.finance_monitor.targets.pointing import Span
from apps.finance_monitor.watch.service import MonitorService
from common.evaluation.explanation.attribution import pick_method
from common.evaluation.explanation.explanation import Explanation
from common.evaluation.explanation.neighbours import Examples
from common.models.devices import in_own_thread
from common.serving.batching import Batcher
from common.serving.disconnect import until_disconnected

# Some fifty passes each: who waits behind many is better asked to come back.
QUEUE_BOUND, LONGEST_WAIT = 16, 10.0


@dataclass(frozen=True)
class Asked:
    """A text, and the company of it that is asked about; None: the text as a whole."""

    text: str
    company: str | None
    named: Mapping[str, Sequence[Span]]


class StoryExplainer:
    """Explains one story after the other, in a thread of its own."""

    def __init__(self, service: MonitorService) -> None:
        self._service = service
        self._method = pick_method(None)
        self._learned: tuple[str, Examples | None] = ("", None)
        self.batcher: Batcher[Asked, Explanation] = Batcher(
            lambda asked: in_own_thread(partial(self._explain, asked)),
            cost=lambda asked: len(asked.text),
            budget=1,
            queue_bound=QUEUE_BOUND,
            longest_wait=LONGEST_WAIT,
        )

    def _explain(self, asked: list[Asked]) -> list[Explanation]:
        classifier = self._service.live.current
        if self._learned[0] != classifier.release_id:
            self._learned = (classifier.release_id, self._read_lessons(classifier))
        return [self._explain_one(classifier, one, self._learned[1]) for one in asked]

    def _explain_one(
        self, classifier: Classifier, asked: Asked, learned: Examples | None
    ) -> Explanation:
        text, company, named = asked.text, asked.company, asked.named
        # Where a company is not asked about by itself, it has the sentiment of the text.
        if company is None or not classifier.judges(named):
            return explain_story(classifier, text, self._method, learned)
        return explain_towards(classifier, text, company, named, self._method, learned)

    def _read_lessons(self, classifier: Classifier) -> Examples | None:
        release = self._service.registry.open(classifier.release_id)
        if not (release.directory / LESSONS).exists():
            return None
        return learned_from(classifier, load_lessons(release).train)


def add_explanations(app: FastAPI, service: MonitorService, explainer: StoryExplainer) -> None:
    """Add `GET /v1/stories/{story_id}/explanation`."""

    @app.get(
        "/v1/stories/{story_id:path}/explanation",
        tags=["reading"],
        summary="The words behind a story's sentiment and topics",
        description="By the release that serves now; the places of the words are of `text`. "
        "`sentences`: what was decided, for whom it concerns and for an auditor. With `company`: "
        "the words behind what it says of that one.",
    )
    async def explanation(
        story_id: str, request: Request, company: str | None = None
    ) -> Explanation:
        story = await asyncio.to_thread(service.watch.store.story, story_id)
        if story is None:
            raise HTTPException(404, f"There is no story {story_id!r}.")
        company = company and service.company_of(story, company)
        if company is not None and company not in story.entities:
            raise HTTPException(404, f"The story names no {company!r}.")
        named = service.companies_in(story)
        serving = service.live.current
        if company is not None and len(named) > 1 and not serving.judges(named):
            raise HTTPException(422, "The release knows no sentiment towards companies.")
        asked = Asked(story.content, company, named)
        found = await until_disconnected(request, explainer.batcher.submit(asked))
        return replace(found, sentences=account(story, found, company))
