"""Where the item tower begins: at the texts, or at what goes together, and with pictures or not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from apps.recommender.interactions.events import Events
from apps.recommender.retrieval.together import pairs, projection
from apps.recommender.task import Query, RecommenderTask
from common.console import say
from common.evaluation.compare import paired_bootstrap

# Shrinkage and floor of `projection`: the less there is to learn from, the more shrinkage it takes.
TRIED = ((0.1, 0.001), (0.1, 0.03), (0.5, 0.001), (2.0, 0.001))
# Of a picture beside its text.
IMAGE_WEIGHTS = (0.25, 0.5, 1.0, 2.0)
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
    queries = _some(queries)
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


def begin_with_images(
    task: RecommenderTask, known: Events, queries: Sequence[Query], later: Sequence[Query]
) -> None:
    """Let the item tower of `task` begin with pictures beside the texts, or go by texts alone.

    A picture is turned into the space of the texts, where it is near to no text more than to
    another, and added with the weight by which `queries` are ranked best; as it is, or drawn
    together as texts are by `begin_together`. Pictures are kept if they are shown to rank `later`
    better: the release then needs the image model for each new one.

    Args:
        queries, later: of a time later than `known`, and of a later one.
    """
    assert task.model is not None and task.images is not None
    tower = task.model.items
    weight = tower.added_images().weight
    with torch.no_grad():
        seen = tower.seen(task.images.to(weight.device)).cpu().numpy()
    queries, later = _some(queries), _some(later)

    def figures(value: Tensor, some: Sequence[Query]) -> NDArray[np.float64]:
        with torch.no_grad():
            weight.copy_(value)
        return task.figures(task.pretrained, some)

    none = torch.zeros_like(weight)
    best, most, share = none, figures(none, queries).mean(), 0.0
    for turned in _turned(seen, pairs(known), len(weight)):
        for factor in IMAGE_WEIGHTS:
            if (figure := figures(factor * turned, queries).mean()) > most:
                best, most, share = factor * turned, figure, factor
    gain = paired_bootstrap(figures(none, later), figures(best, later))
    shown = (
        f"nDCG@10 {gain.before:.3f} → {gain.after:.3f}, 95 % interval of the gain {gain.low:+.3f} "
        f"to {gain.high:+.3f}"
    )
    if gain.low <= 0:
        say(f"Pictures are not shown to rank better: the release goes by texts alone ({shown})")
        task.forget_images()
        return
    task.image_projection = best.cpu()
    say(f"Pictures count {share:g} beside texts of 1 ({shown})")


def _turned(seen: NDArray[np.float32], taken: NDArray[np.int32], width: int) -> list[Tensor]:
    """Projections [width, image width] of pictures as they are, and of those drawn together."""
    drawn = np.random.default_rng(0).normal(size=(max(width, seen.shape[1]),) * 2)
    turn = np.linalg.qr(drawn)[0][:width, : seen.shape[1]]
    # As long as they were, on the average, also where the texts' space is the smaller one.
    turn *= np.sqrt(max(1.0, seen.shape[1] / width))
    there = np.asarray(seen.any(1))
    shown = taken[there[taken].all(1)]
    found = [projection(seen, shown, shrinkage, floor) for shrinkage, floor in TRIED[2:]]
    maps = [turn, *(turn @ one for one in found if one is not None)]
    return [torch.from_numpy(one.astype(np.float32)) for one in maps]


def _some(queries: Sequence[Query]) -> Sequence[Query]:
    if len(queries) <= MOST_QUERIES:
        return queries
    drawn = np.random.default_rng(0).choice(len(queries), MOST_QUERIES, replace=False)
    return [queries[n] for n in np.sort(drawn)]
