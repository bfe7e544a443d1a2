"""Which past events and which words of an item's text make its text score for a user."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import torch
from numpy.typing import NDArray

from apps.recommender.interactions.events import Histories
from apps.recommender.pipeline.prepared import Prepared
from apps.recommender.release import Model
from apps.recommender.retrieval.towers import TowerModel
from apps.recommender.schema import BEHAVIORS, Reason
from apps.recommender.task import interests, item_vectors, text_vectors
from common.errors import UserError
from common.evaluation.explanation.attribution import Attribution, occlusion
from common.models.encoder import load_encoder
from common.models.prediction import predict

Floats = NDArray[np.float32]
# Texts → [texts, width], item vectors of length 1.
ReadItems = Callable[[Sequence[str]], Floats]


@dataclass(frozen=True)
class PastEvent:
    """Something that a user did, and by how much the score would be lower without it."""

    item_id: str
    title: str
    behavior: str
    timestamp: datetime
    weight: float


@dataclass(frozen=True)
class ItemExplanation:
    """Why an item suits a user.

    Attributes:
        text: the item's, which the words are of.
        attributions: one, of the text score: the largest cosine of the item's text and the user's
            interests. A picture of the item is no part of it.
        events: those that speak most for the item first.
        reasons: of the whole ranking, as the list shows them; none if the list has not the item.
    """

    release_id: str
    user_id: str
    item_id: str
    text: str
    attributions: list[Attribution]
    events: list[PastEvent]
    reasons: list[Reason]


def item_reader(model: Model) -> ReadItems:
    """Reads texts of items as the release does; the encoder is loaded."""
    backbone = load_encoder(model.source, projected=False)
    module = text_vectors(backbone)

    def read(texts: Sequence[str]) -> Floats:
        found = predict(module, backbone, texts)["embedding"]
        return np.asarray(item_vectors(model.towers, found).numpy())

    return read


def explain_item(
    model: Model,
    prepared: Prepared,
    past: Histories,
    read: ReadItems,
    user_id: str,
    item_id: str,
    reasons: Sequence[Reason] = (),
) -> ItemExplanation:
    """Leave out each past event, and each word of the item's text, and see what the score loses.

    Args:
        past: what the user did, one row.

    Raises:
        UserError: there is no such item, or the user did nothing that is known.
    """
    catalogue = prepared.catalogue
    if item_id not in catalogue.number:
        raise UserError(f"there is no item {item_id!r}")
    if not (past.item >= 0).any():
        raise UserError(
            f"nothing is known of what {user_id!r} did",
            hint="What is popular is recommended then, whatever its text.",
        )
    number = catalogue.number[item_id]
    text = catalogue.texts[number]
    wanted = interests(model.towers, prepared.items, past)[0].numpy()

    def score(texts: Sequence[str]) -> NDArray[np.float64]:
        return np.asarray((read(texts) @ wanted.T).max(1), dtype=np.float64)

    words = occlusion(text, score)
    of_text = float(score([text])[0])
    own = np.asarray(prepared.items[number])
    whole = float((wanted @ own).max())
    return ItemExplanation(
        release_id=model.model_id,
        user_id=user_id,
        item_id=item_id,
        text=text,
        attributions=[Attribution(catalogue.titles[number], of_text, "cosine", "occlusion", words)],
        events=_events(model.towers, prepared, past, own, whole),
        reasons=list(reasons),
    )


def _events(
    towers: TowerModel, prepared: Prepared, past: Histories, own: Floats, whole: float
) -> list[PastEvent]:
    """Each past event with what the score loses without it, the strongest first."""
    places = np.flatnonzero(past.item[0] >= 0)
    found = interests(towers, prepared.items, without_each(past, places))
    left = (found @ torch.from_numpy(own)).max(1).values.tolist()
    catalogue = prepared.catalogue
    events = [
        PastEvent(
            item_id=catalogue.ids[past.item[0, place]],
            title=catalogue.titles[past.item[0, place]],
            behavior=BEHAVIORS[past.behavior[0, place]],
            timestamp=datetime.fromtimestamp(int(past.time[0, place]), UTC),
            weight=whole - without,
        )
        for place, without in zip(places, left, strict=True)
    ]
    return sorted(events, key=lambda event: -event.weight)


def without_each(past: Histories, places: NDArray[np.int64]) -> Histories:
    """One history [1, length] → [places, length], each without one of its events."""
    length = past.item.shape[1]
    order = np.stack([np.delete(np.arange(length), place) for place in places])

    def column(values: NDArray[np.generic], nothing: int) -> NDArray[np.generic]:
        # Histories are filled from the right.
        return np.pad(values[0][order], ((0, 0), (1, 0)), constant_values=nothing)

    return Histories(
        item=column(past.item, -1),  # type: ignore[arg-type]
        behavior=column(past.behavior, 0),  # type: ignore[arg-type]
        time=column(past.time, 0),  # type: ignore[arg-type]
        weight=column(past.weight, 0),  # type: ignore[arg-type]
        as_of=np.repeat(past.as_of, len(places)),
    )
