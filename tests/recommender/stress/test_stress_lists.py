"""`stress` of the recommender: histories put to a release, and what is expected of their lists."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import run_here
from torch import nn

from apps.recommender.catalogue.items import Catalogue, build_catalogue
from apps.recommender.catalogue.users import UserFeatures
from apps.recommender.data import Allowed
from apps.recommender.interactions.behaviors import Behaviors
from apps.recommender.interactions.events import sorted_events
from apps.recommender.lists.rules import Rules
from apps.recommender.pipeline.choices import Choices
from apps.recommender.pipeline.pipeline import Pipeline
from apps.recommender.pipeline.prepared import Prepared
from apps.recommender.retrieval.neighbours import learn_neighbours
from apps.recommender.retrieval.towers import TowerModel, TowerSizes
from apps.recommender.schema import Item
from apps.recommender.stress.histories import check_histories, read_history
from apps.recommender.stress.judging import DECISIONS, LISTS, check_labels, decide_with
from common.errors import UserError
from common.evaluation.stress.expectations.checking import Decided, check
from common.evaluation.stress.expectations.reading import read_expectations
from common.records.reader import read_records
from common.releases.expectations import load_expectations
from common.releases.registry import Registry

SAMPLES = Path(__file__).parents[3] / "data_samples" / "recommender"
ITEMS, WIDTH, KINDS = 60, 8, ("tea", "space", "football")


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return build_catalogue(
        [
            Item(
                item_id=f"i{n}",
                title=f"Title number {n}",
                tags=[KINDS[n % 3]],
                category="abc"[n % 3],
                language=("en", "zh")[n % 2],
            )
            for n in range(ITEMS)
        ]
    )


def pipeline_of(catalogue: Catalogue, seed: int = 0) -> Pipeline:
    """Untrained towers over vectors that tell the three kinds apart."""
    random = np.random.default_rng(seed)
    vectors = np.eye(WIDTH)[np.arange(ITEMS) % 3] + random.normal(size=(ITEMS, WIDTH)) / 8
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    events = sorted_events(
        np.repeat([0, 1], 3).astype(np.int32),
        np.array([0, 3, 6, 1, 4, 7], np.int32),
        np.ones(6, np.int8),
        np.arange(6) * 3600 + 1_700_000_000,
        np.ones(6, np.float32),
        users=2,
    )
    prepared = Prepared(
        catalogue=catalogue,
        items=vectors,
        user_ids=["ada", "bo"],
        languages=[None, None],
        events=events,
        features=UserFeatures([], np.empty((2, 0), np.float32)),
        allowed=Allowed(np.ones(ITEMS, np.bool_), {}),
        neighbours=learn_neighbours(events, catalogue),
        as_of=1_700_100_000,
    )
    towers = TowerModel(nn.Identity(), torch.zeros(WIDTH), TowerSizes(width=8, history=10)).eval()
    rules = Rules(exclude_after=("purchase",))
    return Pipeline(towers, prepared, Choices(rules=rules, history=10))


@pytest.fixture(scope="module")
def decided(catalogue: Catalogue) -> dict[str, Decided]:
    texts = (
        *("nothing", "buy i2, click i5", "buy i2, dislike i5, 购买 i8", "buy i2, click gone"),
        *("click i0，click i3", "click i0，click i3; items with typing errors", "bag i0"),
    )
    read: list[str] = []

    def build(other: Catalogue) -> Pipeline:
        read.extend(other.texts)
        return pipeline_of(other, seed=1)

    decide = decide_with(pipeline_of(catalogue), Behaviors(), build)
    found = dict(zip(texts, decide(texts), strict=True))
    assert len(read) == ITEMS, "items are read once for a way to write them"
    assert read != catalogue.texts
    return found


def test_a_list_is_told_by_what_most_of_it_is(decided: dict[str, Decided]) -> None:
    found = decided["buy i2, click i5"]
    listed = found.said["list"]
    assert isinstance(listed, tuple)
    assert len(listed) == 10
    assert (found.said["tag"], found.said["category"]) == ("football", "c")
    assert found.probabilities["tag football"] == pytest.approx(1)
    assert found.probabilities["category b"] == 0
    assert "tag fotball" not in found.probabilities


def test_the_first_places_count_most(decided: dict[str, Decided]) -> None:
    found = decided["buy i2, click i5"]
    shares = [found.probabilities[f"item {one}"] for one in found.said["list"] or ()]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(1)
    assert shares[0] / shares[2] == pytest.approx(np.log2(4))


def test_what_was_bought_or_disliked_is_not_repeated(decided: dict[str, Decided]) -> None:
    assert decided["buy i2, dislike i5, 购买 i8"].said["repeated"] == "none"
    # Here, who clicked may be shown the same again.
    assert decided["click i0，click i3"].said["repeated"] != "none"


def test_what_is_not_known_any_more_decides_nothing(decided: dict[str, Decided]) -> None:
    assert decided["buy i2, click gone"] == Decided({}, {})
    assert decided["bag i0"] == Decided({}, {})


def test_texts_written_otherwise_are_read_and_ranked(decided: dict[str, Decided]) -> None:
    other = decided["click i0，click i3; items with typing errors"]
    assert decided["click i0，click i3"].said["list"] != other.said["list"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("i2", "'i2' in 'i2' is not a behaviour and the id of an item"),
        ("buy i2,", "'' in 'buy i2,'"),
        ("buy i200", "there is no item 'i200'"),
        ("byu i2", "the behavior 'byu' is not known; the nearest known is 'buy'"),
        ("buy i2; items with typing eror", "Did you mean typing errors?"),
    ],
)
def test_a_slip_in_a_history_is_told(catalogue: Catalogue, text: str, told: str) -> None:
    with pytest.raises(UserError) as error:
        check_histories([text], catalogue, Behaviors())
    assert told in str(error.value)
    assert read_history("nothing; items with upper case").events == ()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_those_of_the_sample_shop_fit_its_catalogue(language: str) -> None:
    catalogue = build_catalogue([*read_records(SAMPLES / "items.jsonl", Item)])
    path = SAMPLES / f"expectations.{language}.toml"
    found = read_expectations([path], DECISIONS, LISTS)
    check_labels(found, catalogue, Behaviors())
    assert len({case.kind for case in found.cases}) == 3
    with pytest.raises(UserError, match="'by' is of no use to invariance"):
        read_expectations([path], DECISIONS)


def test_of_a_list_so_much_may_be_another(tmp_path: Path, catalogue: Catalogue) -> None:
    def failed(by: float) -> int:
        path = tmp_path / "wanted.toml"
        texts = '[["click i0, click i1", "click i1, click i0"]]'
        path.write_text(
            f'[[expectation]]\nname = "x"\nkind = "invariance"\nby = {by}\ntexts = {texts}\n',
            encoding="utf-8",
        )
        pipeline = pipeline_of(catalogue)
        wanted = read_expectations([path], DECISIONS, LISTS)
        return len(check(wanted, decide_with(pipeline, Behaviors(), lambda _: pipeline)).failures)

    assert failed(0.0) == 1
    assert failed(0.9) == 0


def test_stress_tells_what_is_not_met(
    data: tuple[object, ...], store: Path, expected: Path, tmp_path: Path
) -> None:
    stress = ("recommender", "stress", *data, "--store", store)
    done = run_here(*stress, "--expectations", expected, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["expectations"]
    assert found["kinds"]["minimum functionality"] == {"cases": 1, "failed": 0}
    assert [one["name"] for one in found["failures"]] == ["never"]
    none = run_here(*stress)
    assert (none.returncode, "Give --expectations FILE" in none.stderr) == (2, True)
    gone = tmp_path / "wanted.toml"
    text = expected.read_text(encoding="utf-8").replace("dislike book-0002", "dislike book-9")
    gone.write_text(text, encoding="utf-8")
    refused = run_here(*stress, "--expectations", gone)
    assert (refused.returncode, "there is no item 'book-9'" in refused.stderr) == (2, True)


def test_a_release_keeps_what_is_expected_of_it(store: Path) -> None:
    release = Registry(store, "recommender").open()
    assert release.manifest["expectations"] == {
        "direction": {"cases": 1, "failed": 1},
        "minimum functionality": {"cases": 1, "failed": 0},
    }
    kept = load_expectations(release)
    assert kept is not None and [case.name for case in kept.cases] == ["kept out", "never"]
