"""Where the item tower begins: at the texts, or at what goes together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from apps.recommender.interactions.events import Events
from apps.recommender.retrieval.together import pairs, projection
from apps.recommender.task import Query, RecommenderTask
from common.console import say

# Shrinkage and floor of `projection`: the less there is to learn from, the more shrinkage it takes.
TRIED = ((0.1, 0.001), (0.1, 0.03), (0.5, 0.001), (2.0, 0.001))
# So many queries tell which begins better.
MOST_QUERIES = 2_000


def begin_together(
    task: RecommenderTask, pretrained: Tensor, known: Events, queries: Sequence[Query]
) -> None:
    """Give the item towers of `task` the projection by which `queries` are ranked best.

    That is the identity they have, or one that `known` teaches in closed form.

    Args:
        pretrained: [items, width], the texts as the encoder reads them.
        queries: of a time later than `known`.
    """
    assert task.model is not None
    weight = task.model.items.projection.weight
    if len(queries) > MOST_QUERIES:
        drawn = np.random.default_rng(0).choice(len(queries), MOST_QUERIES, replace=False)
        queries = [queries[n] for n in np.sort(drawn)]
    centered = pretrained - task.model.items.center.to(pretrained.device)
    texts, taken = functional.normalize(centered, dim=-1).numpy(), pairs(known)

    def reached(value: Tensor) -> float:
        with torch.no_grad():
            weight.copy_(value)
        return task.measure(lambda _: {"embedding": pretrained}, queries)["ndcg_at_10"]

    best = weight.detach().clone()
    first = most = reached(best)
    for shrinkage, floor in TRIED:
        found = projection(texts, taken, shrinkage, floor)
        if found is None:
            break
        value = torch.from_numpy(found)
        if (figure := reached(value)) > most:
            best, most = value, figure
    with torch.no_grad():
        weight.copy_(best)
    task.projection = best.cpu()
    if most > first:
        say(f"Texts of what is taken together are drawn together: nDCG@10 {first:.3f} → {most:.3f}")
