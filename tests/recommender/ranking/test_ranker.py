from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from apps.recommender.interactions.events import sorted_events
from apps.recommender.ranking import ranker as ranker_file
from apps.recommender.ranking.listwise import Linear
from apps.recommender.ranking.ranker import GAINS, TREES, Ranker, gains, load_ranker, train_ranker
from apps.recommender.retrieval.candidates import Candidates
from apps.recommender.schema import BEHAVIORS
from common.errors import UserError

NAMES = ["text_score", "带逗号, 和冒号: 的名字", "noise"]


def _queries(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Candidates whose worth follows the first feature; some places are empty."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(count, 20, 3)).astype(np.float32)
    best = features[:, :, 0].argsort(1).argsort(1) >= 17
    worth = np.where(best & (rng.random((count, 20)) < 0.8), 2, 0).astype(np.int8)
    features[rng.random((count, 20)) < 0.1] = np.nan
    worth[np.isnan(features).all(2)] = 0
    features[:, :, 1][rng.random((count, 20)) < 0.3] = np.nan
    return features, worth


@pytest.fixture(scope="module")
def ranker() -> Ranker:
    return train_ranker(*_queries(300, 0), NAMES, rounds=60)


def test_it_learns_what_was_taken(ranker: Ranker) -> None:
    features, worth = _queries(100, 1)
    first = ranker.score(features).argsort(1)[:, ::-1][:, :3]
    assert np.take_along_axis(worth > 0, first, 1).mean() > 0.6
    assert next(iter(ranker.importance())) == "text_score"


def test_empty_places_score_lowest(ranker: Ranker) -> None:
    features, _ = _queries(10, 2)
    empty = np.isnan(features).all(2)
    scores = ranker.score(features)
    assert empty.any() and (np.isneginf(scores) == empty).all()
    assert np.isneginf(ranker.score(np.full((2, 4, 3), np.nan, np.float32))).all()


def test_the_same_data_grow_the_same_trees(ranker: Ranker, tmp_path: Path) -> None:
    again = train_ranker(*_queries(300, 0), NAMES, rounds=60)
    for name, one in (("first", ranker), ("second", again)):
        (tmp_path / name).mkdir()
        one.save(tmp_path / name)
    assert (tmp_path / "first" / TREES).read_bytes() == (tmp_path / "second" / TREES).read_bytes()


def test_saved_and_loaded_it_scores_the_same(ranker: Ranker, tmp_path: Path) -> None:
    ranker.save(tmp_path)
    loaded = load_ranker(tmp_path)
    features, _ = _queries(5, 3)
    assert loaded.names == NAMES
    assert (loaded.score(features) == ranker.score(features)).all()


def test_contributions_and_the_bias_add_up_to_the_score(ranker: Ranker) -> None:
    features, _ = _queries(5, 4)
    there = ~np.isnan(features).all(2)
    rest = ranker.score(features)[there] - ranker.contributions(features)[there].sum(1)
    assert np.allclose(rest, rest[0], atol=1e-4)


def test_without_anything_taken_there_is_nothing_to_learn() -> None:
    features, worth = _queries(20, 5)
    with pytest.raises(UserError, match="nothing to learn"):
        train_ranker(features, np.zeros_like(worth), NAMES)


def test_of_many_queries_trees_that_gain_nothing_are_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []
    grow = ranker_file._grow

    def watched(*given: Any) -> Any:
        found = grow(*given)
        if len(given) > 5:
            asked.append(len(given[6]))
        return found

    monkeypatch.setattr(ranker_file, "_grow", watched)
    monkeypatch.setattr(ranker_file, "MANY_QUERIES", 40)
    monkeypatch.setattr(ranker_file, "PATIENCE", 5)
    found = train_ranker(*_queries(60, 7), NAMES, rounds=200)
    assert asked == [found.trees + 5]


def test_a_few_queries_are_enough_to_train_on() -> None:
    assert train_ranker(*_queries(4, 6), NAMES).trees > 0


def test_a_file_that_is_no_ranker_is_refused(tmp_path: Path) -> None:
    (tmp_path / TREES).write_text("hello", encoding="utf-8")
    with pytest.raises(UserError, match="not a ranker"):
        load_ranker(tmp_path)


def test_the_worth_of_a_candidate_is_the_strongest_later_behaviour() -> None:
    events = sorted_events(
        np.array([0, 0, 0, 0, 2, 2]),
        np.array([5, 5, 7, 8, 5, 6]),
        np.array(
            [
                BEHAVIORS.index(b)
                for b in ("purchase", "click", "browse", "browse", "share", "click")
            ],
            np.int8,
        ),
        np.array([20, 30, 5, 10, 1, 40]),
        np.ones(6, np.float32),
        users=3,
    )
    item = np.array([[5, 6, -1], [7, 8, 5]], np.int32)
    zeros = np.zeros(item.shape, np.float32)
    found = gains(
        events,
        np.array([2, 0]),
        np.array([40, 10]),
        Candidates(item, zeros, zeros, zeros.astype(np.int8), zeros),
    )
    click, browse, purchase = (GAINS[BEHAVIORS.index(b)] for b in ("click", "browse", "purchase"))
    assert found.tolist() == [[0, click, 0], [0, browse, purchase]]


def test_shares_make_a_whole_where_no_tree_splits() -> None:
    class Bare:
        def feature_importance(self, kind: str) -> np.ndarray:
            return np.zeros(2)

    weights = np.array([3, 1], np.float32)
    linear = Linear(np.zeros(2, np.float32), np.ones(2, np.float32), weights)
    assert Ranker(linear, Bare(), ["one", "other"]).importance() == {"one": 0.75, "other": 0.25}
