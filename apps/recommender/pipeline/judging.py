"""Whether a ranking is better than what is simple, and what becomes of it where it is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.recommender.baselines.blend import Blend, blend_of
from apps.recommender.baselines.counting import Baseline
from apps.recommender.catalogue.items import Catalogue
from apps.recommender.evaluate import PLACES, Evaluation, evaluate_baselines, evaluate_lists
from apps.recommender.interactions.events import Int32
from apps.recommender.interactions.queries import Queries
from apps.recommender.interactions.timeline import Window
from common.errors import RefusedError
from common.evaluation.compare import Difference, paired_bootstrap

FIGURE = "ndcg@10"
# Of the simple method beside the ranking.
WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Judgement:
    """A ranking beside the best simple method, on a stretch of time that neither learned from.

    Attributes:
        method: its name.
        difference: of nDCG@10, from the simple method to the ranking.
        blend: what takes part in the ranking; None where the ranking stands alone.
    """

    method: str
    difference: Difference
    blend: Blend | None

    @property
    def sentence(self) -> str:
        """What was found and what was done, for a person."""
        found = self.difference
        better = "is better" if found.low > 0 else "is not shown to be better"
        figures = (
            f"nDCG@10 {found.after:.3f} against {found.before:.3f}, 95 % interval of the gain "
            f"{found.low:+.3f} to {found.high:+.3f}, {found.records} users before the test"
        )
        return f"The ranking {better} than {self.method} ({figures}){self._done}."

    @property
    def _done(self) -> str:
        if self.difference.low > 0:
            return ""
        if self.blend is None:
            return "; no blend of both did better than the ranking"
        if self.blend.weight == 1:
            return f": the release ranks by {self.method}"
        return f": the release ranks by both, {self.method} with a weight of {self.blend.weight:g}"

    def to_json(self) -> dict[str, Any]:
        """For the manifest."""
        return {**asdict(self), "sentence": self.sentence}


def check_simple(difference: Difference, method: str) -> None:
    """Hold a release to being no worse than the simple method, on what none of both has seen.

    Raises:
        RefusedError: it is worse, and the interval of the difference excludes zero.
    """
    if difference.high < 0:
        raise RefusedError(
            f"the release ranks worse than {method}: nDCG@10 {difference.before:.3f} → "
            f"{difference.after:.3f} on {difference.records} held-out users (95 % interval of the "
            f"change {difference.low:+.3f} to {difference.high:+.3f})",
            hint="It is kept, but not promoted. To promote it all the same: releases promote ID, "
            "or train with --promote.",
        )


def best_simple(
    baselines: Sequence[Baseline], window: Window, catalogue: Catalogue
) -> tuple[Baseline, NDArray[np.float64]]:
    """The method with the highest nDCG@10 on a window, and its figure for each query."""
    measured = evaluate_baselines(baselines, window.known, catalogue, window.queries)
    figures = [one.metrics[FIGURE] for one in measured]
    best = int(np.argmax([figure.mean() for figure in figures]))
    return baselines[best], figures[best]


def judge(ranking: NDArray[np.float64], best: Baseline, simple: NDArray[np.float64]) -> Judgement:
    """Compare the figures of the same queries; `blend` has yet to be given its weight."""
    difference = paired_bootstrap(simple, ranking)
    blend = None if difference.low > 0 else blend_of(best)
    return Judgement(best.name, difference, blend)


def figures(item: Int32, scores: NDArray[np.float32], queries: Queries) -> NDArray[np.float64]:
    """[queries], nDCG@10 of candidates [queries, places] in the order of their scores."""
    return np.asarray(evaluate_places(item, scores, queries).metrics[FIGURE])


def evaluate_places(item: Int32, scores: NDArray[np.float32], queries: Queries) -> Evaluation:
    """All figures of the same."""
    order = np.argsort(-scores, axis=1, kind="stable")[:, :PLACES]
    return evaluate_lists("", np.take_along_axis(item, order, 1), queries)
