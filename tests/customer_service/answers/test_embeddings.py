"""Vectors of one request are of one model."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import numpy as np

from apps.customer_service.answers.answering import Answerer, Understood
from apps.customer_service.answers.server import INPUTS_AT_ONCE, Encoded, Service, _embed


class _Network:
    def __init__(self, direction: float) -> None:
        self.direction = direction

    def token_counts(self, texts: list[str]) -> list[int]:
        return [len(text) for text in texts]


class _Promoting:
    """Serves another release after so many texts."""

    def __init__(self, after: int) -> None:
        self.left = after
        self.answerers = [self._answerer(name, at) for name, at in (("old", 0.0), ("new", 1.0))]

    def _answerer(self, name: str, direction: float) -> Answerer:
        network: Any = _Network(direction)
        return Answerer(name, network, [], {}, None, None, [])

    async def read(self, *texts: str) -> Encoded:
        self.left -= 1
        answerer = self.answerers[self.left < 0]
        direction = cast("Any", answerer.network).direction
        vector = np.array([direction], dtype=np.float32)
        return Encoded(answerer, [Understood(vector, {}, 0.0) for _ in texts], 0.0)


def test_a_promotion_in_between_mixes_no_vectors() -> None:
    service: Any = _Promoting(after=INPUTS_AT_ONCE)
    found = asyncio.run(_embed(cast("Service", service), ["card"] * (INPUTS_AT_ONCE + 1)))
    assert found.model == "new"
    assert {one.embedding[0] for one in found.data} == {1.0}
