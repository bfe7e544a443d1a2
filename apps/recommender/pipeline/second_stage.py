"""What is fitted after the towers, each on a later stretch of time than the one before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.recommender.baselines.blend import Blend
from apps.recommender.baselines.counting import Baseline
from apps.recommender.catalogue.items import Catalogue
from apps.recommender.data import Dataset
from apps.recommender.interactions.events import Int32
from apps.recommender.interactions.timeline import Timeline, Window
from apps.recommender.lists.affordable import Choice
from apps.recommender.lists.diversity import rerank
from apps.recommender.lists.diversity_weight import choose_weight
from apps.recommender.lists.margins import MarginChoice, choose_margin_weight, earnings
from apps.recommender.pipeline.block import Block
from apps.recommender.pipeline.choices import Choices, cold_placed
from apps.recommender.pipeline.cold import Learned, Places, choose_places, learn_cold
from apps.recommender.pipeline.judging import (
    WEIGHTS,
    Judgement,
    best_simple,
    evaluate_places,
    figures,
    judge,
)
from apps.recommender.pipeline.opinions import learn_likes
from apps.recommender.pipeline.pipeline import Pipeline
from apps.recommender.pipeline.windows import (
    moments,
    stacked,
    window_blocks,
    window_pipeline,
    window_worth,
)
from apps.recommender.ranking.probabilities import Probabilities, fit_probabilities
from apps.recommender.ranking.ranker import Ranker, train_ranker
from apps.recommender.retrieval.towers import TowerModel
from common.console import say
from common.finite import require_finite

# Lists of this length are what diversity is chosen for.
LIST = 10
# With fewer lists that hold something right, trees would learn them by heart.
FEWEST_LISTS = 30


@dataclass(frozen=True)
class SecondStage:
    """What makes ranked lists of the towers' scores.

    `choices` holds the strength of diversity and the blend that were chosen; `diversity` is all
    that was tried, `judgement` what the ranking is beside the best simple method, `cold` what cold
    items are ordered by, `places` what they gain with places of their own, `margins` what weighing
    them earns and costs, if they are to count, `user_words` as of `UserFeatures`.
    """

    choices: Choices
    ranker: Ranker | None
    probabilities: Probabilities
    diversity: Choice
    judgement: Judgement
    cold: Learned
    places: list[Places]
    features: list[str]
    margins: MarginChoice | None = None
    user_words: Mapping[str, list[str]] = field(default_factory=dict)

    def pipeline(
        self,
        towers: TowerModel,
        dataset: Dataset,
        items: NDArray[np.float32],
        window: Window,
    ) -> Pipeline:
        """All of it as it stood when a window began; arguments as of `window_pipeline`."""
        return window_pipeline(
            towers,
            dataset,
            items,
            window,
            self.choices,
            ranker=self.ranker,
            probabilities=self.probabilities,
        )

    def cold_to_json(self, asked: int | None) -> dict[str, Any]:
        """Of the places for cold items, for the manifest; `asked` is how many were wanted."""
        tried = [asdict(one) for one in self.places]
        return {
            "asked": asked,
            "step": self.choices.cold_step,
            "in one order": self.choices.cold_together is not None,
            "tried": tried,
            "by": self.cold.name,
            "cold alone, ndcg@10": self.cold.reached,
        }


def fit_second_stage(
    towers: TowerModel,
    dataset: Dataset,
    items: NDArray[np.float32],
    timeline: Timeline,
    choices: Choices,
    simple: Sequence[Baseline],
    *,
    max_ndcg_loss: float = 0.01,
    cold_places: int | None = None,
    margin_ndcg_loss: float | None = None,
    seed: int = 0,
) -> SecondStage:
    """Fit the ranker on its window; all else on the one that follows.

    That is: whether the ranking stands alone or is blended with the best simple method, the places
    of cold items, what scores mean as probabilities, and the strength of diversity.

    Args:
        items: [items, width], as the trained towers see them.
        simple: what the ranking has to be better than.
        cold_places: of the first ten, so many are kept for cold items; None: these are lifted as
            far as that costs at most `max_ndcg_loss`.
        margin_ndcg_loss: the share of nDCG that what is profitable may cost; None: margins count
            for nothing.
    """
    require_finite("the towers", hint="Lower the learning rate.", item_vectors=items)
    windows = moments(timeline.ranker, dataset.catalogue)
    later = timeline.calibration
    cold = learn_cold(towers, items, dataset.catalogue, windows, later, choices.history)
    choices = replace(choices, blend=None, cold=cold.linear, cold_step=0, margin_weight=0.0)
    choices = replace(choices, cold_together=None)
    pipeline = window_pipeline(towers, dataset, items, timeline.ranker, choices)
    ranker = _fit_ranker(pipeline, windows, seed)
    window = timeline.calibration

    def look(choices: Choices) -> _Seen:
        pipeline = window_pipeline(towers, dataset, items, window, choices, ranker=ranker)
        return _Seen(pipeline, list(window_blocks(pipeline, window, "Candidates to calibrate on")))

    seen = look(choices)
    judgement = _judge(seen, simple, window, dataset.catalogue)
    if judgement.blend is not None:
        seen = look(replace(choices, blend=judgement.blend))
        judgement = replace(judgement, blend=_weighed(seen, judgement.blend, window))
        choices = replace(choices, blend=judgement.blend)
    say(judgement.sentence)
    item, blocks = seen.item, seen.blocks
    weight = 0.0 if choices.blend is None else choices.blend.weight
    scores, cold_scores = seen.scores(weight), seen.cold
    liked = stacked([window_worth(block, window, liked=True) for block in blocks], 0) > 0
    step, together, places = choose_places(
        scores,
        cold_scores,
        liked,
        lambda placed: evaluate_places(item, placed, window.queries),
        max_ndcg_loss,
        cold_places,
    )
    choices = replace(choices, cold_step=step, cold_together=together)
    placed = cold_placed(scores, cold_scores, choices)
    worth = stacked([window_worth(block, window) for block in blocks], 0)
    found = item >= 0
    like = learn_likes([(pipeline, timeline.ranker), (seen.pipeline, window)])
    probabilities = replace(fit_probabilities(scores[found], worth[found]), like=like)
    tried = choose_weight(
        item,
        np.where(found, placed, 0),
        items,
        liked,
        np.array([len(relevant) for relevant in window.queries.relevant]),
        LIST,
        method=choices.method,
        caps=choices.rules.caps(dataset.catalogue),
        max_ndcg_loss=max_ndcg_loss,
    )
    chosen = replace(choices, diversity_weight=tried.weight)
    margins = None
    if margin_ndcg_loss is not None:
        # Candidates do not depend on what scores mean: they need not be looked up again.
        as_shown = window_pipeline(
            towers, dataset, items, window, chosen, ranker=ranker, probabilities=probabilities
        )
        margins = _weigh_margins(_Seen(as_shown, blocks), window, margin_ndcg_loss)
    if margins is not None:
        say(margins.sentence)
        chosen = replace(chosen, margin_weight=margins.choice.weight)
    return SecondStage(
        chosen,
        ranker,
        probabilities,
        tried,
        judgement,
        cold,
        places,
        pipeline.builder.names,
        margins,
        dataset.features.words,
    )


def _fit_ranker(pipeline: Pipeline, windows: Sequence[Window], seed: int) -> Ranker | None:
    """None where too few lists hold something right."""
    pairs = []
    for window in windows:
        for block in window_blocks(pipeline, window, "Candidates to learn from"):
            worth = window_worth(block, window, liked=True)
            # Lists that hold nothing right teach nothing: of many users they would fill the memory.
            pairs.append((block.features[worth.any(1)], worth[worth.any(1)]))
    worth = stacked([worth for _, worth in pairs], 0)
    if len(worth) < FEWEST_LISTS:
        say(f"Only {len(worth)} lists hold something right: ranked by the text score alone")
        return None
    say(f"Learning to rank from {len(worth)} lists")
    features = stacked([features for features, _ in pairs], np.nan)
    return train_ranker(features, worth, pipeline.builder.names, seed=seed)


@dataclass(frozen=True)
class _Seen:
    """The candidates of a window."""

    pipeline: Pipeline
    blocks: list[Block]

    @property
    def item(self) -> Int32:
        """[queries, places]."""
        return stacked([block.candidates.item for block in self.blocks], -1)

    def scores(self, weight: float) -> NDArray[np.float32]:
        """[queries, places], with so much of the simple method in them."""
        return stacked([self.pipeline.scores(block, weight) for block in self.blocks], -np.inf)

    @property
    def cold(self) -> NDArray[np.float32]:
        """[queries, places], what orders cold items; -inf where one is not cold."""
        scored = [
            np.full(block.candidates.item.shape, -np.inf, np.float32)
            if block.cold is None
            else block.cold
            for block in self.blocks
        ]
        return stacked(scored, -np.inf)


def _judge(
    seen: _Seen, simple: Sequence[Baseline], window: Window, catalogue: Catalogue
) -> Judgement:
    best, theirs = best_simple(simple, window, catalogue)
    return judge(figures(seen.item, seen.scores(0.0), window.queries), best, theirs)


def _weighed(seen: _Seen, blend: Blend, window: Window) -> Blend | None:
    """With the weight that orders the window best, of equal ones the largest; None at 0."""
    item = seen.item
    reached = {w: figures(item, seen.scores(w), window.queries).mean() for w in WEIGHTS}
    weight = max(WEIGHTS, key=lambda one: (reached[one], one))
    return replace(blend, weight=weight) if weight else None


def _weigh_margins(seen: _Seen, window: Window, max_ndcg_loss: float) -> MarginChoice | None:
    """What margins weigh in lists as they are shown, diversity included; None: none is known."""
    pipeline, blocks = seen.pipeline, seen.blocks
    catalogue, known = pipeline.prepared.catalogue, pipeline.probabilities
    margin = catalogue.margin_or_median
    if margin is None or known is None:
        say("No item has a margin: margins count for nothing")
        return None
    item, scores = seen.item, [pipeline.scores(block) for block in blocks]
    pairs = list(zip(scores, blocks, strict=True))
    earned = [earnings(found, block.candidates, known, catalogue) for found, block in pairs]
    worth = stacked([window_worth(block, window) for block in blocks], 0)
    liked = stacked([window_worth(block, window, liked=True) for block in blocks], 0)

    def order(weight: float) -> Int32:
        priced = [(pipeline.priced(found, block, weight), block) for found, block in pairs]
        placed = stacked([pipeline.placed(found, block) for found, block in priced], -np.inf)
        return rerank(
            item,
            np.where(item >= 0, placed, 0),
            pipeline.prepared.items,
            LIST,
            pipeline.choices.diversity_weight,
            pipeline.choices.method,
            caps=pipeline.caps,
        )

    return choose_margin_weight(
        order,
        stacked([found for found in earned if found is not None], 0),
        margin[np.maximum(item, 0)],
        liked > 0,
        worth >= known.sale[1],
        np.array([len(relevant) for relevant in window.queries.relevant]),
        max_ndcg_loss,
    )
