"""What is fitted after the towers, each on a later stretch of time than the one before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.recommender.baselines.blend import Blend
from apps.recommender.baselines.counting import Baseline
from apps.recommender.catalogue.items import Catalogue
from apps.recommender.data import Dataset
from apps.recommender.interactions.events import Int32
from apps.recommender.interactions.queries import build_queries
from apps.recommender.interactions.timeline import Timeline, Window
from apps.recommender.lists.diversity_weight import Choice, choose_weight
from apps.recommender.pipeline.block import Block
from apps.recommender.pipeline.choices import Choices
from apps.recommender.pipeline.cold import Learned, Places, choose_step, learn_cold, there
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
from apps.recommender.pipeline.prepared import Prepared
from apps.recommender.ranking.probabilities import Probabilities, fit_probabilities
from apps.recommender.ranking.ranker import Ranker, gains, train_ranker
from apps.recommender.retrieval.neighbours import learn_neighbours
from apps.recommender.retrieval.towers import TowerModel
from common.console import progress, say
from common.finite import require_finite

# Lists of this length are what diversity is chosen for.
LIST = 10
# Where in a window else to ask, and after how many events those who begin in it.
LATER_MOMENTS = ((0.25, 5), (0.5, 20), (0.75, 40))
# With fewer lists that hold something right, trees would learn them by heart.
FEWEST_LISTS = 30


@dataclass(frozen=True)
class SecondStage:
    """What makes ranked lists of the towers' scores.

    `choices` holds the strength of diversity and the blend that were chosen; `diversity` is all
    that was tried, `judgement` what the ranking is beside the best simple method, `cold` what cold
    items are ordered by, `places` what they gain with places of their own.
    """

    choices: Choices
    ranker: Ranker | None
    probabilities: Probabilities
    diversity: Choice
    judgement: Judgement
    cold: Learned
    places: list[Places]
    features: list[str]

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
    seed: int = 0,
) -> SecondStage:
    """Fit the ranker on its window; all else on the one that follows.

    That is: whether the ranking stands alone or is blended with the best simple method, the places
    of cold items, what scores mean as probabilities, and the strength of diversity.

    Args:
        items: [items, width], as the trained towers see them.
        simple: what the ranking has to be better than.
        cold_places: of the first ten, so many go to cold items; None: what costs at most
            `max_ndcg_loss`.
    """
    require_finite("the towers", hint="Lower the learning rate.", item_vectors=items)
    windows = moments(timeline.ranker, dataset.catalogue)
    later = timeline.calibration
    cold = learn_cold(towers, items, dataset.catalogue, windows, later, choices.history)
    choices = replace(choices, blend=None, cold=cold.linear, cold_step=0)
    pipeline = window_pipeline(towers, dataset, items, timeline.ranker, choices)
    pairs = [
        (block.features, window_worth(block, window, liked=True))
        for window in windows
        for block in window_blocks(pipeline, window, "Candidates to learn from")
    ]
    features = _stack([features for features, _ in pairs], np.nan)
    worth = _stack([worth for _, worth in pairs], 0)
    lists = int(worth.any(1).sum())
    ranker = None
    if lists >= FEWEST_LISTS:
        say(f"Learning to rank from {lists} lists")
        ranker = train_ranker(features, worth, pipeline.builder.names, seed=seed)
    else:
        say(f"Only {lists} lists hold something right: ranked by the text score alone")

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
    step, places = choose_step(
        lambda step: evaluate_places(item, seen.placed(weight, step), window.queries),
        max_ndcg_loss,
        cold_places,
    )
    choices = replace(choices, cold_step=step)
    scores = seen.scores(weight)
    worth = _stack([window_worth(block, window) for block in blocks], 0)
    found = item >= 0
    like = learn_likes([(pipeline, timeline.ranker), (seen.pipeline, window)])
    probabilities = replace(fit_probabilities(scores[found], worth[found]), like=like)
    tried = choose_weight(
        item,
        np.where(found, seen.placed(weight, step), 0),
        items,
        _stack([window_worth(block, window, liked=True) for block in blocks], 0) > 0,
        np.array([len(relevant) for relevant in window.queries.relevant]),
        LIST,
        method=choices.method,
        caps=choices.rules.caps(dataset.catalogue),
        max_ndcg_loss=max_ndcg_loss,
    )
    chosen = replace(choices, diversity_weight=tried.weight)
    return SecondStage(
        chosen, ranker, probabilities, tried, judgement, cold, places, pipeline.builder.names
    )


@dataclass(frozen=True)
class _Seen:
    """The candidates of a window."""

    pipeline: Pipeline
    blocks: list[Block]

    @property
    def item(self) -> Int32:
        """[queries, places]."""
        return _stack([block.candidates.item for block in self.blocks], -1)

    def scores(self, weight: float) -> NDArray[np.float32]:
        """[queries, places], with so much of the simple method in them."""
        return _stack([self.pipeline.scores(block, weight) for block in self.blocks], -np.inf)

    def placed(self, weight: float, step: int) -> NDArray[np.float32]:
        """The same with every `step`-th place for a cold item."""
        pipeline = self.pipeline
        placed = (
            pipeline.placed(pipeline.scores(block, weight), block, step) for block in self.blocks
        )
        return _stack(list(placed), -np.inf)


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


def moments(window: Window, catalogue: Catalogue) -> list[Window]:
    """The window itself, and the same stretch asked about at later moments too.

    One list a user is little to learn from. Later moments find the user with a longer history;
    who begins in the window is asked after fewer and after more events.
    """
    begins = window.queries.training_before
    inside = np.sort(window.known.since(begins).time)
    found = [window]
    for share, fold_in in LATER_MOMENTS:
        moment = np.maximum(begins, inside[int(share * len(inside))])
        queries = build_queries(window.known, catalogue, moment, fold_in=fold_in)
        found.append(replace(window, queries=queries))
    return found


def window_pipeline(
    towers: TowerModel,
    dataset: Dataset,
    items: NDArray[np.float32],
    window: Window,
    choices: Choices,
    *,
    ranker: Ranker | None = None,
    probabilities: Probabilities | None = None,
) -> Pipeline:
    """The pipeline as it stood when a window began: counts and neighbours are of its past."""
    return Pipeline(
        towers,
        prepare_window(dataset, items, window),
        choices,
        counted=window.past,
        ranker=ranker,
        probabilities=probabilities,
    )


def prepare_window(dataset: Dataset, items: NDArray[np.float32], window: Window) -> Prepared:
    """What was known when a window began, and the events of its users up to each query."""
    return Prepared(
        catalogue=dataset.catalogue,
        items=items,
        user_ids=dataset.user_ids,
        languages=dataset.languages,
        events=window.known,
        features=dataset.features,
        allowed=replace(
            dataset.allowed,
            everybody=dataset.allowed.everybody & there(dataset.catalogue, window.known),
        ),
        neighbours=learn_neighbours(window.past, dataset.catalogue),
        as_of=int(window.past.time.max()) + 1,
    )


def window_blocks(pipeline: Pipeline, window: Window, what: str) -> Iterator[Block]:
    """Candidates and features of all queries of a window."""
    queries = window.queries
    with progress(what, len(queries)) as advance:
        for start in range(0, len(queries), pipeline.block_size):
            part = slice(start, start + pipeline.block_size)
            block = pipeline.look_up(queries.users[part], queries.as_of[part])
            yield block
            advance(len(block.users))


def window_worth(block: Block, window: Window, *, liked: bool = False) -> NDArray[np.int8]:
    """[rows, places], what each candidate turned out to be worth; nothing if not `liked`."""
    events = window.known.where(window.known.weight > 0) if liked else window.known
    return gains(events, block.users, block.past.as_of, block.candidates)


def _stack(parts: list[NDArray[Any]], filling: float) -> NDArray[Any]:
    """Blocks of different width one below the other."""
    widest = max(part.shape[1] for part in parts)
    widened = [
        np.pad(
            part,
            [(0, 0), (0, widest - part.shape[1])] + [(0, 0)] * (part.ndim - 2),
            constant_values=filling,
        )
        for part in parts
    ]
    return np.concatenate(widened)
