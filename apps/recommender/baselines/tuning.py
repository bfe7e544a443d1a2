"""The baselines a model is set beside, each at the setting that serves it best."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from apps.recommender.baselines.counting import Baseline, ItemMean, Popularity
from apps.recommender.baselines.reading import Bm25, FrozenEncoder
from apps.recommender.catalogue.items import Catalogue
from apps.recommender.evaluate import Scores, evaluate_baselines, summarise
from apps.recommender.interactions.events import Events
from apps.recommender.interactions.queries import Queries
from apps.recommender.retrieval.collaborative import Ease, ItemKnn

FIGURE = "ndcg@10"
LARGEST_FOR_EASE = 20_000
Family = Sequence[Baseline]


def families(pretrained: Scores) -> list[Family]:
    """Each baseline in all settings that are tried of it.

    Popularity appears twice, over all time and of late: where tastes change, the second is
    much the stronger.

    Args:
        pretrained: [items, width], as the encoder read the items before any fine-tuning.
    """
    return [
        *families_of_events(),
        [Bm25(forgetting) for forgetting in (1.0, 0.9)],
        [FrozenEncoder(pretrained, forgetting) for forgetting in (0.8, 0.9, 1.0)],
    ]


def families_of_events() -> list[Family]:
    """Those of them that read no texts."""
    return [
        [Popularity()],
        [Popularity(days) for days in (1, 7, 30, 90, 365, 730)],
        [ItemMean(shrinkage) for shrinkage in (5.0, 20.0, 100.0)],
        [ItemKnn(shrinkage=shrinkage) for shrinkage in (1.0, 10.0, 100.0, 1000.0)],
        [Ease(regularisation) for regularisation in (300.0, 3000.0, 30000.0)],
    ]


def simple_methods(items: int) -> list[Baseline]:
    """What a ranking has to be better than where nothing was tuned: all by count, one of each."""
    found = affordable(families_of_events(), items)
    return [one for family in found for one in family[: None if _is_cheap(family) else 1]]


def _is_cheap(family: Family) -> bool:
    return isinstance(family[0], Popularity | ItemMean)


def affordable(found: Sequence[Family], items: int) -> list[Family]:
    """Without EASE where its closed form takes too long."""
    small = items <= LARGEST_FOR_EASE
    return [family for family in found if small or not isinstance(family[0], Ease)]


def tune_baselines(
    families: Sequence[Family], events: Events, catalogue: Catalogue, queries: Queries
) -> list[Baseline]:
    """Of each family the one with the highest nDCG@10 on `queries`; it has to be fitted anew.

    Args:
        events: up to the end of what `queries` ask about.
        queries: of a time before the one that is reported on, or the choice would flatter.
    """
    open_questions = [one for family in families if len(family) > 1 for one in family]
    measured = evaluate_baselines(open_questions, events, catalogue, queries)
    figure = {
        id(baseline): summarise(evaluation).get(FIGURE, -np.inf)
        for baseline, evaluation in zip(open_questions, measured, strict=True)
    }
    return [max(family, key=lambda one: figure.get(id(one), 0.0)) for family in families]
