"""What was not answered is read by one release, whatever is promoted meanwhile."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from apps.customer_service.gaps.server import GapFinder

TEXTS = [f"question {number}" for number in range(70)]


class Service:
    """Each batch is read by the release of its turn; what is understood names the release."""

    def __init__(self, *releases: str) -> None:
        self.turns = list(releases)
        self.live = SimpleNamespace(current=SimpleNamespace(release_id=releases[0]))

    async def read(self, *texts: str) -> Any:
        if len(self.turns) > 1:
            self.turns.pop(0)
        # Promoted between the look at what serves and the forward pass.
        self.live.current = SimpleNamespace(release_id=self.turns[0])
        return SimpleNamespace(
            answerer=self.live.current, understood=[f"{self.turns[0]} {text}" for text in texts]
        )


def test_a_promotion_leaves_no_vectors_of_the_release_before() -> None:
    service = Service("old", "old", "new")
    conversations, store = SimpleNamespace(service=service), SimpleNamespace(database=None)
    finder = GapFinder(cast("Any", conversations), cast("Any", store))
    answerer, understood = asyncio.run(finder._understand(TEXTS))
    assert answerer.release_id == "new"
    assert {**understood} == cast("Any", {text: f"new {text}" for text in TEXTS})
