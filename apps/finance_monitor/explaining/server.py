"""HTTP route: why a story was labelled as it was."""

from __future__ import annotations

from dataclasses import replace

from fastapi import FastAPI, HTTPException, Request

from apps.finance_monitor.explaining.account import account
from apps.finance_monitor.explaining.story import explain_story, learned_from
from apps.finance_monitor.learning.lessons import LESSONS, load_lessons
from apps.finance_monitor.stories.classifying import Classifier
from apps.finance_monitor.watch.service import MonitorService
from common.evaluation.explanation.attribution import pick_method
from common.evaluation.explanation.explanation import Explanation
from common.evaluation.explanation.neighbours import Examples
from common.serving.batching import Batcher
from common.serving.disconnect import until_disconnected

# Some fifty passes each: who waits behind many is better asked to come back.
QUEUE_BOUND, LONGEST_WAIT = 16, 10.0


class StoryExplainer:
    """Explains one story after the other, in a thread of its own."""

    def __init__(self, service: MonitorService) -> None:
        self._service = service
        self._method = pick_method(None)
        self._learned: tuple[str, Examples | None] = ("", None)
        self.batcher: Batcher[str, Explanation] = Batcher(
            self._explain,
            cost=len,
            budget=1,
            queue_bound=QUEUE_BOUND,
            longest_wait=LONGEST_WAIT,
        )

    def _explain(self, texts: list[str]) -> list[Explanation]:
        classifier = self._service.live.current
        if self._learned[0] != classifier.release_id:
            self._learned = (classifier.release_id, self._read_lessons(classifier))
        learned = self._learned[1]
        return [explain_story(classifier, text, self._method, learned) for text in texts]

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
        "`sentences`: what was decided, for whom it concerns and for an auditor.",
    )
    async def explanation(story_id: str, request: Request) -> Explanation:
        story = service.watch.store.story(story_id)
        if story is None:
            raise HTTPException(404, f"There is no story {story_id!r}.")
        found = await until_disconnected(request, explainer.batcher.submit(story.content))
        return replace(found, sentences=account(story, found))
