"""How lists are made."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from apps.recommender.baselines.blend import Blend
from apps.recommender.cold.places import with_places
from apps.recommender.cold.together import in_one_order
from apps.recommender.lists.diversity import Method
from apps.recommender.lists.rules import Rules
from apps.recommender.ranking.listwise import Linear
from apps.recommender.retrieval.search import Depths


@dataclass(frozen=True)
class Choices:
    """What a release was given, and what it chose for itself.

    Attributes:
        blend: the simple method that takes part in the ranking; None: none does.
        cold: what cold items are found by; None: by nothing of their own.
        cold_step: every so many-th place of a list goes to one of them; 0: none.
        cold_together: puts them and all others in one order; None: as they are scored.
        margin_weight: of what items earn against the score; 0: it counts for nothing.
    """

    depths: Depths = field(default_factory=Depths)
    rules: Rules = field(default_factory=Rules)
    method: Method = "dpp"
    diversity_weight: float = 0.0
    history: int = 50
    blend: Blend | None = None
    cold: Linear | None = None
    cold_step: int = 0
    cold_together: Linear | None = None
    margin_weight: float = 0.0


def cold_placed(
    scores: NDArray[np.float32], cold: NDArray[np.float32], choices: Choices
) -> NDArray[np.float32]:
    """Scores [users, places] with cold items where they are chosen to stand; see `with_places`."""
    if choices.cold_together is not None:
        return in_one_order(scores, cold, choices.cold_together)
    return with_places(scores, cold, choices.cold_step)
