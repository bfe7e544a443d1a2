from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from apps.recommender.catalogue.items import build_catalogue
from apps.recommender.comparison.audit import Computed, by_feature, leak_audit, shuffled_future
from apps.recommender.interactions.events import Events, histories, sorted_events
from apps.recommender.interactions.popularity import DAY
from apps.recommender.ranking.features import FeatureBuilder
from apps.recommender.ranking.ranker import train_ranker
from apps.recommender.retrieval.candidates import Candidates
from apps.recommender.retrieval.exact import exact_top_k, seen
from apps.recommender.retrieval.neighbours import learn_neighbours
from apps.recommender.schema import Item

USERS, ITEMS, COUNT = 40, 60, 3000
START = 1_780_000_000
CUTOFF = START + 60 * DAY
CATALOGUE = build_catalogue(
    [
        Item(
            item_id=str(n),
            title=f"Book {n}",
            tags=[f"tag {n % 7}"],
            category=f"shelf {n % 5}",
            price=n,
        )
        for n in range(ITEMS)
    ]
)
Known = Callable[[Events], Events]


def _vectors(rows: int, seed: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).standard_normal((rows, 8)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


VECTORS = _vectors(ITEMS, 0)


@pytest.fixture(scope="module")
def events() -> Events:
    rng = np.random.default_rng(0)
    return sorted_events(
        rng.integers(0, USERS, COUNT),
        rng.zipf(1.4, COUNT) % ITEMS,
        rng.integers(0, 5, COUNT),
        START + rng.integers(0, 80 * DAY, COUNT),
        np.ones(COUNT, np.float32),
        users=USERS,
    )


def _before(events: Events) -> Events:
    return events.before(CUTOFF)


def _compute(
    *, learned: Known = _before, as_of: int = CUTOFF, excluded: Known = _before
) -> Callable[[Events], Computed]:
    """Candidates, features and scores as of the cutoff; the arguments let a leak in."""

    def compute(events: Events) -> Computed:
        users = np.arange(USERS)
        past = histories(events, users, np.full(USERS, as_of))
        neighbours = learn_neighbours(learned(events), CATALOGUE)
        known = seen(excluded(events), users, ITEMS)
        interests = VECTORS[np.maximum(past.item[:, -1:], 0)]
        item, text = exact_top_k(interests, VECTORS, 20, excluded=known)
        together = np.take_along_axis(neighbours.scores(past), np.maximum(item, 0), 1)
        company = np.take_along_axis(neighbours.company_scores(past), np.maximum(item, 0), 1)
        candidates = Candidates(item, text, together, np.zeros(item.shape, np.int8), company)
        builder = FeatureBuilder(CATALOGUE, VECTORS, events)
        features = builder.build(users, past, candidates)
        # Any trees will do, if only they look at popularity.
        worth = (features[:, :, builder.names.index("events_7_days")] > 1).astype(np.int8)
        ranker = train_ranker(features, worth, builder.names, rounds=5)
        scores = {"candidates": item, "score": ranker.score(features)}
        return by_feature(features, builder.names) | scores

    return compute


def test_no_feature_and_no_score_looks_beyond_the_cutoff(events: Events) -> None:
    audit = leak_audit(_compute(), events, CUTOFF)
    assert audit.changed == {} and audit.is_clean
    assert audit.compared["similar_last"] == USERS * 20


@pytest.mark.parametrize(
    ("planted", "told"),
    [
        (_compute(as_of=CUTOFF + 5 * DAY), {"events_7_days", "similar_last", "score"}),
        (_compute(learned=lambda events: events), {"neighbour_score", "company_share"}),
        (_compute(excluded=lambda events: events), {"candidates"}),
    ],
    ids=["counts and histories", "neighbours", "candidates"],
)
def test_a_planted_leak_is_told(
    events: Events, planted: Callable[[Events], Computed], told: set[str]
) -> None:
    audit = leak_audit(planted, events, CUTOFF)
    assert told <= set(audit.changed) and not audit.is_clean


def test_without_a_future_nothing_is_proved(events: Events) -> None:
    assert not leak_audit(lambda events: {}, events.before(CUTOFF), CUTOFF).is_clean


def test_the_past_is_not_shuffled(events: Events) -> None:
    other = shuffled_future(events, CUTOFF, np.random.default_rng(0))
    for column in ("user", "item", "behavior", "time"):
        one = getattr(events.before(CUTOFF), column)
        assert (getattr(other.before(CUTOFF), column) == one).all()
    assert 0 < len(other.since(CUTOFF)) < len(events.since(CUTOFF))
