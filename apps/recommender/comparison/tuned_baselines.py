"""The baselines a model is set beside, each at the setting that serves it best."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from apps.recommender.catalogue.items import Catalogue
from apps.recommender.comparison.baselines import Baseline, ItemMean, Popularity
from apps.recommender.comparison.text_baselines import Bm25, FrozenEncoder
from apps.recommender.evaluate import Scores, evaluate_baselines, summarise
from apps.recommender.interactions.events import Events
from apps.recommender.interactions.queries import Queries
from apps.recommender.retrieval.collaborative import Ease, ItemKnn

FIGURE = "ndcg@10"
Family = Sequence[Baseline]


def families(pretrained: Scores) -> list[Family]:
    """Each baseline in all settings that are tried of it.

    Popularity appears twice, over all time and of late: where tastes change, the second is
    much the stronger.

    Args:
        pretrained: [items, width], as the encoder read the items before any fine-tuning.
    """
    return [
        [Popularity()],
        [Popularity(days) for days in (1, 7, 30, 90, 365, 730)],
        [ItemMean(shrinkage) for shrinkage in (5.0, 20.0, 100.0)],
        [ItemKnn(shrinkage=shrinkage) for shrinkage in (1.0, 10.0, 100.0, 1000.0)],
        [Ease(regularisation) for regularisation in (300.0, 3000.0, 30000.0)],
        [Bm25(forgetting) for forgetting in (1.0, 0.9)],
        [FrozenEncoder(pretrained, forgetting) for forgetting in (0.8, 0.9, 1.0)],
    ]


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
