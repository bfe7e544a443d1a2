"""A shop where all take what is popular, whatever its text: no ranking by text helps there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from popular_shop import ITEMS, SHOP, USERS
from torch import nn

from apps.recommender.baselines.blend import Blend
from apps.recommender.baselines.counting import ItemMean, Popularity
from apps.recommender.catalogue.users import UserFeatures
from apps.recommender.cold import together
from apps.recommender.cold.scoring import text_alone
from apps.recommender.comparison.comparison import ask
from apps.recommender.data import Dataset
from apps.recommender.evaluate import rank_queries
from apps.recommender.interactions.timeline import split_in_time
from apps.recommender.lists.rules import Rules
from apps.recommender.pipeline import second_stage
from apps.recommender.pipeline.choices import Choices
from apps.recommender.pipeline.judging import check_simple, judge
from apps.recommender.pipeline.opinions import learn_likes
from apps.recommender.pipeline.pipeline import Pipeline
from apps.recommender.pipeline.prepared import open_prepared, write_prepared
from apps.recommender.pipeline.second_stage import SecondStage, fit_second_stage
from apps.recommender.pipeline.windows import window_pipeline
from apps.recommender.ranking import likes
from apps.recommender.ranking.likes import Likes
from apps.recommender.ranking.listwise import Linear
from apps.recommender.release import MODEL, load_release, save_ranking
from apps.recommender.retrieval.towers import TowerModel, TowerSizes
from common.errors import RefusedError, UserError
from common.evaluation.compare import Difference
from common.files import read_json, write_json
from common.models.sources.bundled import Source
from common.releases.release import Release

WIDTH = 8
TIMELINE = split_in_time(SHOP.events, SHOP.catalogue)
TOWERS = TowerModel(nn.Identity(), torch.zeros(WIDTH), TowerSizes(width=8, history=10)).eval()
VECTORS = np.random.default_rng(1).normal(size=(ITEMS, WIDTH)).astype(np.float32)
SLOT = {"rule": [{"name": "slot", "action": "force", "item_id": "5", "position": 3}]}
CITIES = UserFeatures(["city"], np.zeros((USERS, 1), np.float32), {"city": ["Ulm"]})
VECTORS /= np.linalg.norm(VECTORS, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def stage() -> SecondStage:
    with pytest.MonkeyPatch.context() as patched:
        # Ranked by text alone.
        patched.setattr(second_stage, "FEWEST_LISTS", 1_000_000)
        simple = [Popularity(), ItemMean()]
        shop = replace(SHOP, features=CITIES)
        return fit_second_stage(TOWERS, shop, VECTORS, TIMELINE, Choices(), simple)


def _pipeline(blend: Blend) -> Pipeline:
    return window_pipeline(TOWERS, SHOP, VECTORS, TIMELINE.test, Choices(blend=blend))


def test_a_ranking_that_is_not_better_gives_way_to_what_is_simple(stage: SecondStage) -> None:
    blend = stage.choices.blend
    assert blend is not None and blend == stage.judgement.blend
    assert blend.weight >= 0.5
    assert "not shown to be better" in stage.judgement.sentence
    queries = TIMELINE.test.queries
    window = window_pipeline(
        TOWERS, SHOP, VECTORS, TIMELINE.test, stage.choices, probabilities=stage.probabilities
    )
    found = second_stage.figures(ask(window, TIMELINE.test).lists, _falling(), queries).mean()
    popular = Popularity()
    popular.fit(TIMELINE.test.past, SHOP.catalogue)
    lists = rank_queries(popular.scores, SHOP.events, queries)
    assert found > 0.9 * second_stage.figures(lists, _falling(), queries).mean()


def _falling() -> np.ndarray:
    places = np.arange(50, 0, -1, dtype=np.float32)
    return np.tile(places, (len(TIMELINE.test.queries), 1))


def test_alone_it_ranks_all_items_as_it_does_by_itself() -> None:
    queries = TIMELINE.test.queries
    pipeline = _pipeline(Blend("popularity", None))
    ranked = pipeline.rank(queries.users, queries.as_of, 10, with_reasons=False)
    popular = Popularity()
    popular.fit(TIMELINE.test.past, SHOP.catalogue)
    counts = popular.users
    expected = rank_queries(popular.scores, SHOP.events, queries, k=10)
    # Of equally popular items either may come first.
    np.testing.assert_array_equal(counts[ranked.item], counts[expected])


@pytest.mark.parametrize("kind", ["popularity", "item-kNN"])
def test_a_job_ranks_as_it_was_measured(kind: str, tmp_path: Path) -> None:
    setting = {"popularity": 30, "item-kNN": 10.0}[kind]
    blend = Blend(kind, setting, 0.5)  # type: ignore[arg-type]
    pipeline = _pipeline(blend)
    past, prepared = TIMELINE.test.past, pipeline.prepared
    simple = blend.for_everybody(past, SHOP.catalogue)
    assert (simple is None) == (kind == "item-kNN")
    write_prepared(tmp_path, replace(prepared, events=past, simple=simple))
    again = Pipeline(TOWERS, open_prepared(tmp_path), pipeline.choices)
    users = np.arange(USERS)
    as_of = np.full(USERS, prepared.as_of)
    one, other = (found.rank(users, as_of, 10, with_reasons=False) for found in (pipeline, again))
    np.testing.assert_array_equal(one.item, other.item)
    np.testing.assert_array_equal(one.score, other.score)


def test_a_job_goes_on_over_items_that_were_written_without_texts(tmp_path: Path) -> None:
    write_prepared(tmp_path, _pipeline(Blend("popularity", 30, 0.5)).prepared)
    items = tmp_path / "items.parquet"
    pl.read_parquet(items).drop("text").write_parquet(items)
    assert open_prepared(tmp_path).catalogue.ids == SHOP.catalogue.ids


def test_a_job_knows_the_words_of_users(tmp_path: Path) -> None:
    prepared = _pipeline(Blend("popularity", 30, 0.5)).prepared
    write_prepared(tmp_path, replace(prepared, features=CITIES))
    kept = open_prepared(tmp_path).features
    assert (kept.names, kept.words) == (CITIES.names, CITIES.words)


def test_what_users_liked_of_what_they_met_is_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(likes, "FEWEST", 5)
    weight = np.where(SHOP.events.item % 2, np.float32(0), np.float32(1.2))
    shop = replace(SHOP, events=replace(SHOP.events, weight=weight))
    window = split_in_time(shop.events, shop.catalogue).test
    pipeline = window_pipeline(TOWERS, shop, VECTORS, window, Choices())
    found = learn_likes([(pipeline, window)])
    assert found is not None
    block = pipeline.look_up(window.queries.users, window.queries.as_of)
    stated = found(block.features, pipeline.builder.names, block.past)
    item = block.candidates.item
    met = (item >= 0) & (item < 20)
    assert stated[met & (item % 2 == 0)].mean() > stated[met & (item % 2 == 1)].mean() + 0.3
    assert learn_likes([(_pipeline(Blend("popularity", None)), TIMELINE.test)]) is None


ORDER = Linear(*np.ones((3, len(together.SIGNALS)), np.float32))


def test_a_release_keeps_it(stage: SecondStage, tmp_path: Path) -> None:
    chosen = replace(stage.choices, cold_together=ORDER)
    source = Source("tiny", tmp_path, "", "")
    save_ranking(tmp_path, source, TOWERS, replace(stage, choices=chosen))
    found = load_release(Release(tmp_path, {"release_id": "one"}))
    assert found.user_words == {"city": ["Ulm"]}
    kept = found.choices
    assert (kept.blend, kept.cold_step) == (chosen.blend, chosen.cold_step)
    assert kept.cold_together is not None
    assert kept.cold_together.to_json() == ORDER.to_json()
    assert kept.cold is not None and chosen.cold is not None
    assert kept.cold.to_json() == chosen.cold.to_json()


def test_a_release_of_before_ranks_as_it_did(stage: SecondStage, tmp_path: Path) -> None:
    save_ranking(tmp_path, Source("tiny", tmp_path, "", ""), TOWERS, stage)
    written = read_json(tmp_path / MODEL)
    for name in ("blend", "cold", "cold_step", "cold_together"):
        del written["choices"][name]
    del written["choices"]["depths"]["cold"], written["user_words"]
    write_json(tmp_path / MODEL, written)
    found = load_release(Release(tmp_path, {"release_id": "one"}))
    assert found.user_words is None
    choices = found.choices
    assert (choices.blend, choices.cold, choices.cold_step) == (None, None, 0)
    assert choices.cold_together is None


def test_a_release_that_ranks_by_other_signals_is_refused(
    stage: SecondStage, tmp_path: Path
) -> None:
    liked = Likes(Linear(*np.ones((3, len(likes.SIGNALS)), np.float32)), 0.0)
    stage = replace(stage, probabilities=replace(stage.probabilities, like=liked))
    save_ranking(tmp_path, Source("tiny", tmp_path, "", ""), TOWERS, stage)
    written = read_json(tmp_path / MODEL)
    assert written["choices"]["cold"] is not None
    with pytest.raises(UserError, match="signals of another version") as refused:
        load_release(Release(tmp_path, {"release_id": "one"}))
    assert refused.value.where == str(tmp_path)
    replace(stage.probabilities, like=None).save(tmp_path)
    load_release(Release(tmp_path, {"release_id": "one"}))
    for name in ("cold", "cold_together"):
        of_another = ORDER.to_json() | (written["choices"][name] or {})
        for values in of_another.values():
            values.append(1.0)
        choices = written["choices"] | {name: of_another}
        write_json(tmp_path / MODEL, written | {"choices": choices})
        with pytest.raises(UserError, match="signals of another version"):
            load_release(Release(tmp_path, {"release_id": "one"}))


def test_half_of_each_list_is_for_what_nobody_has_met() -> None:
    queries = TIMELINE.test.queries
    choices = Choices(cold=text_alone(), cold_step=2)
    pipeline = window_pipeline(TOWERS, SHOP, VECTORS, TIMELINE.test, choices)
    ranked = pipeline.rank(queries.users, queries.as_of, 10, with_reasons=False)
    unmet = queries.cold_item[ranked.item]
    assert queries.cold_item.sum() >= 5
    for first in (2, 4, 6, 8, 10):
        assert (unmet[:, :first].sum(1) >= first // 2).all()
    np.testing.assert_array_equal(unmet, ranked.cold_item)


def test_one_order_puts_what_nobody_has_met_where_it_says() -> None:
    queries = TIMELINE.test.queries
    shares = []
    for bonus in (-50.0, 2.0, 50.0):
        order = together.raised(ORDER, bonus)
        choices = Choices(cold=text_alone(), cold_together=order)
        pipeline = window_pipeline(TOWERS, SHOP, VECTORS, TIMELINE.test, choices)
        ranked = pipeline.rank(queries.users, queries.as_of, 5, with_reasons=False)
        shares.append(ranked.cold_item.mean())
    assert shares[0] < shares[1] < shares[2] and shares[2] >= together.MOST_LIFTED / 5


def test_a_ranking_that_is_better_stands_alone() -> None:
    random = np.random.default_rng(0)
    simple = random.random(200) / 2
    found = judge(simple + 0.2 * random.random(200), Popularity(7), simple)
    assert found.blend is None
    assert "The ranking is better than popularity, 7 days" in found.sentence
    lost = judge(simple - 0.1, Popularity(7), simple)
    assert lost.blend == Blend("popularity", 7)


def test_the_gate_holds_a_release_to_what_is_simple() -> None:
    check_simple(Difference(0.30, 0.29, -0.03, 0.01, 100), "popularity")
    with pytest.raises(RefusedError, match="ranks worse than popularity"):
        check_simple(Difference(0.30, 0.20, -0.13, -0.07, 100), "popularity")


def _priced(margins: np.ndarray) -> Dataset:
    return replace(SHOP, catalogue=replace(SHOP.catalogue, margin=margins))


def test_lists_earn_more_at_the_price_that_is_agreed_to(tmp_path: Path) -> None:
    margins = np.random.default_rng(3).lognormal(sigma=1.5, size=ITEMS)
    margins[::7] = np.nan
    shop = _priced(margins)
    simple, choices = [Popularity(), ItemMean()], Choices(rules=Rules.model_validate(SLOT))
    found = fit_second_stage(TOWERS, shop, VECTORS, TIMELINE, choices, simple, margin_ndcg_loss=0.5)
    assert found.margins is not None
    assert found.choices.margin_weight == found.margins.choice.weight > 0
    pipeline = found.pipeline(TOWERS, shop, VECTORS, TIMELINE.test)
    asked = ask(pipeline, TIMELINE.test)
    margin = shop.catalogue.margin_or_median
    assert margin is not None

    def mean_margin(lists: np.ndarray) -> float:
        first = lists[:, :10]
        return float(margin[first[first >= 0]].mean())

    assert mean_margin(asked.lists) > mean_margin(asked.without_margins[0])
    # Who has met it is not shown it.
    slots = np.nonzero(asked.lists == 5)[1]
    assert len(slots) > 10 and set(slots.tolist()) == {2}

    save_ranking(tmp_path, Source("tiny", tmp_path, "", ""), TOWERS, found)
    assert read_json(tmp_path / MODEL)["choices"]["margin_weight"] == found.choices.margin_weight
    write_prepared(tmp_path, pipeline.prepared)
    again = Pipeline(
        TOWERS,
        open_prepared(tmp_path),
        pipeline.choices,
        counted=TIMELINE.test.past,
        ranker=found.ranker,
        probabilities=found.probabilities,
    )
    users, as_of = np.arange(USERS), np.full(USERS, pipeline.prepared.as_of)
    one, other = (p.rank(users, as_of, 10, with_reasons=False) for p in (pipeline, again))
    np.testing.assert_array_equal(one.item, other.item)
    np.testing.assert_array_equal(np.sort(one.score, 1), np.sort(other.score, 1))


def test_margins_are_said_to_be_missing(capsys: pytest.CaptureFixture[str]) -> None:
    found = fit_second_stage(
        TOWERS, SHOP, VECTORS, TIMELINE, Choices(), [Popularity()], margin_ndcg_loss=0.1
    )
    assert found.margins is None and found.choices.margin_weight == 0
    assert "No item has a margin" in capsys.readouterr().err
