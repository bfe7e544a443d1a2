"""HTTP route: what goes with one item."""

from __future__ import annotations

from typing import Annotated, Any, Protocol

from fastapi import FastAPI, HTTPException, Query
from pydantic import BaseModel

from apps.recommender.catalogue.items import Catalogue
from apps.recommender.related.items import Related
from apps.recommender.related.relations import Kind
from apps.recommender.schema import K, Language
from apps.recommender.sessions.asked import facts_of
from common.serving.switching.live import LiveRelease


class KnowsItems(Protocol):
    """A loaded release over its data, asked what goes with an item."""

    @property
    def model_id(self) -> str: ...  # noqa: D102
    @property
    def catalogue(self) -> Catalogue: ...  # noqa: D102
    def related(self, item_id: str, kind: Kind, k: int, language: Language | None) -> list[Related]:
        """What is like an item of the catalogue, or taken together with it."""


class RelatedItem(Related):
    """One of them, with what a page shows of it."""

    title: str
    category: str | None
    price: float | None


class RelatedList(BaseModel):
    """What is like an item, or is taken together with it; may be empty."""

    item_id: str
    kind: Kind
    model_id: str
    items: list[RelatedItem]


def add_related(app: FastAPI, live: LiveRelease[Any]) -> None:
    """Add `GET /v1/items/{item_id}/similar`."""

    @app.get(
        "/v1/items/{item_id:path}/similar",
        tags=["items"],
        summary="Items like one, or taken together with it",
        description="similar: by the fine-tuned item vectors, those of the same category first. "
        "together: what the same customers bought, then what they looked at.",
    )
    def similar(
        item_id: str,
        k: K = 10,
        kind: Annotated[Kind, Query()] = "similar",
        language: Language | None = None,
    ) -> RelatedList:
        recommender: KnowsItems = live.current
        catalogue = recommender.catalogue
        if item_id not in catalogue.number:
            raise HTTPException(404, f"There is no item {item_id!r}.")
        items = [
            RelatedItem(**vars(one), **facts_of(catalogue, one.item_id))
            for one in recommender.related(item_id, kind, k, language)
        ]
        return RelatedList(item_id=item_id, kind=kind, model_id=recommender.model_id, items=items)
