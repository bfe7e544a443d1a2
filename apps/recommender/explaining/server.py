"""HTTP route: why an item suits a user."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from fastapi import FastAPI, HTTPException, Request

from apps.recommender.explaining.item import (
    ItemExplanation,
    ReadItems,
    explain_item,
    item_reader,
)
from apps.recommender.interactions.events import Histories
from apps.recommender.pipeline.prepared import Prepared
from apps.recommender.release import Model, load_release
from common.errors import UserError
from common.models.devices import in_own_thread
from common.releases.registry import Registry
from common.serving.batching import Batcher
from common.serving.disconnect import until_disconnected
from common.serving.switching.live import LiveRelease

# As many texts as an item has words: who waits behind many is better asked to come back.
QUEUE_BOUND, LONGEST_WAIT = 16, 10.0


class Explainable(Protocol):
    """A loaded release over its data, asked what a user is ranked by."""

    @property
    def model_id(self) -> str: ...  # noqa: D102
    @property
    def prepared(self) -> Prepared: ...  # noqa: D102
    def knows(self, user_id: str) -> bool:
        """Whether anything is known of what a user did."""

    def past(self, user_id: str) -> Histories:
        """What a user did, one row."""


@dataclass(frozen=True)
class _Asked:
    service: Explainable
    user_id: str
    item_id: str


class ItemExplainer:
    """Explains one item after the other, in a thread of its own; the encoder waits on disk.

    Args:
        of: the release whose lists a user is shown.
    """

    def __init__(
        self,
        of: Callable[[str], LiveRelease[Explainable]],
        registry: Registry,
    ) -> None:
        self._of = of
        self._registry = registry
        self._loaded: tuple[Model, ReadItems] | None = None
        self.batcher: Batcher[_Asked, ItemExplanation] = Batcher(
            lambda asked: in_own_thread(lambda: [self._explain(one) for one in asked]),
            cost=lambda _: 1,
            budget=1,
            queue_bound=QUEUE_BOUND,
            longest_wait=LONGEST_WAIT,
        )

    async def explain(self, user_id: str, item_id: str) -> ItemExplanation:
        """Why an item suits a user, by the release whose lists they are shown."""
        return await self.batcher.submit(_Asked(self._of(user_id).current, user_id, item_id))

    def knows(self, user_id: str) -> bool:
        """Whether anything is known of what a user did."""
        return self._of(user_id).current.knows(user_id)

    def _explain(self, asked: _Asked) -> ItemExplanation:
        service = asked.service
        if self._loaded is None or self._loaded[0].model_id != service.model_id:
            model = load_release(self._registry.open(service.model_id))
            self._loaded = (model, item_reader(model))
        model, read = self._loaded
        past = service.past(asked.user_id)
        return explain_item(model, service.prepared, past, read, asked.user_id, asked.item_id)


def add_explanations(app: FastAPI, explainer: ItemExplainer) -> None:
    """Add `GET /v1/users/{user_id}/explanation`."""

    @app.get(
        "/v1/users/{user_id:path}/explanation",
        tags=["rankings"],
        summary="The past events and the words of an item's text that speak for it",
        description="By what the text score loses without each of them.",
    )
    async def explanation(user_id: str, item_id: str, request: Request) -> ItemExplanation:
        if not await asyncio.to_thread(explainer.knows, user_id):
            raise HTTPException(404, f"There is no user {user_id!r}.")
        try:
            return await until_disconnected(request, explainer.explain(user_id, item_id))
        except UserError as error:
            raise HTTPException(404, error.what) from None
