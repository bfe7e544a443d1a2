from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse

from apps.recommender.catalogue.items import Catalogue, build_catalogue
from apps.recommender.interactions.events import Histories
from apps.recommender.lists.evidence import closest, pointing, strongest_links, usual_similarity
from apps.recommender.lists.reasons import Explainer, read_reasons
from apps.recommender.ranking.signals import Feature
from apps.recommender.retrieval.candidates import SOURCES
from apps.recommender.schema import BEHAVIORS, Item, Reason

TITLES = ["Dune", "Solaris", "Roses", "Soil & <b>compost</b>", '城市里的"树"', "A quiet river"]
# Space, space, garden, garden, garden, nothing of either.
VECTORS = np.array([[1, 0], [0.8, 0.6], [0, 1], [0.1, 0.995], [-0.1, 0.995], [0, 0]], np.float32)
CLOSE = 0.7
TEXT = SOURCES.index("text")


FEATURES = (
    Feature("popularity_7_days", "It is popular this week.", "本周很受欢迎。"),
    Feature("price", "Its price suits you.", "价格合适。"),
)


@pytest.fixture
def catalogue() -> Catalogue:
    return build_catalogue([Item(item_id=f"i{n}", title=title) for n, title in enumerate(TITLES)])


def history(*events: tuple[int, str], length: int = 4, disliked: tuple[int, ...] = ()) -> Histories:
    item = np.full((1, length), -1, np.int32)
    behavior = np.zeros((1, length), np.int8)
    for place, (number, name) in enumerate(events, length - len(events)):
        item[0, place] = number
        behavior[0, place] = BEHAVIORS.index(name)
    weight = np.where((item < 0) | np.isin(item, disliked), 0, 1).astype(np.float32)
    return Histories(item, behavior, np.zeros((1, length), np.int64), weight, np.zeros(1, np.int64))


def explain(
    catalogue: Catalogue,
    item: int,
    histories: Histories,
    language: str | None = "en",
    source: int = TEXT,
    contributions: list[float] | None = None,
    **parts: Any,
) -> list[Reason]:
    explainer = Explainer(catalogue, VECTORS, CLOSE, features=FEATURES, **parts)
    given = None if contributions is None else np.array([[contributions]], np.float32)
    items, sources = np.array([[item]], np.int32), np.array([[source]])
    [[cell]] = explainer.explain(items, sources, histories, [language], given)
    return read_reasons(cell)


def texts(reasons: list[Reason]) -> list[str]:
    return [reason.text for reason in reasons]


def test_the_nearest_texts_of_the_history_speak(catalogue: Catalogue) -> None:
    found = explain(catalogue, 2, history((0, "click"), (3, "purchase"), (4, "browse")))
    assert texts(found) == [
        'Similar to “城市里的"树"”, which you viewed.',
        "Similar to “Soil & <b>compost</b>”, which you bought.",
    ]
    assert [reason.item_id for reason in found] == ["i4", "i3"]
    assert found[0].strength == pytest.approx(0.995)


def test_an_item_speaks_once_by_what_the_user_did_most(catalogue: Catalogue) -> None:
    found = explain(catalogue, 1, history((0, "browse"), (0, "purchase"), (0, "click")))
    assert texts(found) == ["Similar to “Dune”, which you bought."]


def test_what_the_user_did_not_like_speaks_for_nothing(catalogue: Catalogue) -> None:
    links = sparse.csr_matrix(([1.0, 0.5], ([2, 4], [3, 3])), shape=(6, 6))
    past = history((2, "purchase"), (4, "click"), disliked=(2,))
    found = explain(catalogue, 3, past, neighbours=links)
    assert {reason.item_id for reason in found} == {"i4"}


def test_what_is_not_close_is_not_called_so(catalogue: Catalogue) -> None:
    found = explain(catalogue, 0, history((2, "purchase"), (5, "click")))
    assert texts(found) == ["It matches your interests."]


def test_an_item_of_the_history_itself(catalogue: Catalogue) -> None:
    found = explain(catalogue, 0, history((0, "click"), (1, "share")))
    assert texts(found) == ["You opened it before.", "Similar to “Solaris”, which you shared."]


def test_neighbours_speak_beside_the_text(catalogue: Catalogue) -> None:
    weights = np.zeros((6, 6), np.float32)
    weights[5, 2], weights[3, 2], weights[0, 2] = 0.5, 0.3, -0.9
    parts = {"neighbours": sparse.csr_matrix(weights)}
    done = history((0, "click"), (3, "purchase"), (4, "browse"), (5, "comment"))
    found = explain(catalogue, 2, done, **parts)
    assert texts(found) == [
        'Similar to “城市里的"树"”, which you viewed.',
        "Customers who commented on “A quiet river” often choose this.",
    ]
    weights[3, 2] = 0.6
    twice = explain(catalogue, 2, history((3, "purchase")), neighbours=sparse.csr_matrix(weights))
    assert texts(twice) == ["Similar to “Soil & <b>compost</b>”, which you bought."]


def test_the_strongest_feature_speaks_if_it_helped(catalogue: Catalogue) -> None:
    done = history((0, "click"))
    raised = explain(catalogue, 1, done, contributions=[0.2, 0.5])
    assert raised[-1] == Reason(
        kind="feature", text="Its price suits you.", feature="price", strength=0.5
    )
    lowered = explain(catalogue, 1, done, contributions=[-0.2, -0.5])
    assert [reason.kind for reason in lowered] == ["history"]


@pytest.mark.parametrize(
    ("source", "english", "chinese"),
    [
        ("text", "It matches your interests.", "内容与您关注的话题相符。"),
        ("neighbours", "People with similar taste chose this.", "与您喜好相近的人选了它。"),
        ("popular", "Popular right now.", "近期很受欢迎。"),
    ],
)
def test_where_nothing_else_speaks_the_source_does(
    catalogue: Catalogue, source: str, english: str, chinese: str
) -> None:
    number = SOURCES.index(source)
    far = history((2, "click"))
    assert texts(explain(catalogue, 0, far, "en", number)) == [english]
    assert texts(explain(catalogue, 0, far, "zh-CN", number)) == [chinese]
    unknown = explain(catalogue, 0, history(), "en", number)
    assert texts(unknown) == ([english] if source == "popular" else [])


def test_the_language_is_the_users_or_else_the_items(catalogue: Catalogue) -> None:
    done = history((2, "purchase"))
    chinese = ["与您买过的“Roses”内容相近。"]
    assert texts(explain(catalogue, 3, done, "zh")) == chinese
    assert texts(explain(catalogue, 4, done, None)) == chinese
    assert texts(explain(catalogue, 3, done, None)) == ["Similar to “Roses”, which you bought."]


def test_empty_places_have_no_cell(catalogue: Catalogue) -> None:
    explainer = Explainer(catalogue, VECTORS, CLOSE)
    items = np.array([[0, 1, -1], [-1, -1, -1]], np.int32)
    done = history((0, "click"))
    both = Histories(*(np.repeat(column, 2, 0) for column in vars(done).values()))
    cells = explainer.explain(items, np.zeros((2, 3), np.int8), both, ["en", "en"])
    assert [len(row) for row in cells] == [2, 0]


def test_evidence_agrees_with_looking_at_every_pair() -> None:
    random = np.random.default_rng(0)
    vectors = random.normal(size=(60, 5)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    weights = sparse.random_array((60, 60), density=0.2, rng=random, dtype=np.float32).tocsr()
    items = np.array([random.permutation(60)[:10] for _ in range(150)], np.int32)
    done = random.integers(-1, 60, (150, 7)).astype(np.int32)
    done[0] = -1
    items[1] = -1
    first, second = closest(items, done, vectors, 0.5)
    strongest = pointing(items, done, weights)
    dense = weights.toarray()
    for user, place in np.ndindex(items.shape):
        item = items[user, place]
        past = [one for one in done[user] if one >= 0 and item >= 0]
        close = sorted({(float(vectors[one] @ vectors[item]), one) for one in past})[::-1]
        expected = [one for one in close[:2] if one[0] >= 0.5] + [(0.0, -1)] * 2
        for found, (cosine, number) in zip((first, second), expected, strict=False):
            at = found.place[user, place]
            assert (done[user, at] if at >= 0 else -1) == number
            assert found.strength[user, place] == pytest.approx(cosine, abs=1e-5)
        weight = max((dense[one, item] for one in past), default=0.0)
        assert strongest.strength[user, place] == weight
        assert (strongest.place[user, place] >= 0) == (weight > 0)


def test_of_many_links_the_strongest_are_kept() -> None:
    random = np.random.default_rng(0)
    dense = random.random((50, 50)).astype(np.float32) * (random.random((50, 50)) < 0.3)
    dense[7] = 0
    found = strongest_links(sparse.csr_matrix(dense), most=5).toarray()
    least = np.sort(dense, axis=1)[:, -5, None]
    assert np.array_equal(found, np.where(dense >= np.maximum(least, 1e-9), dense, 0))


def test_close_means_closer_than_most_pairs() -> None:
    random = np.random.default_rng(0)
    vectors = random.normal(size=(300, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = (vectors @ vectors.T)[~np.eye(300, dtype=bool)]
    assert (cosines < usual_similarity(vectors)).mean() == pytest.approx(0.95, abs=0.01)
    assert usual_similarity(vectors[:1]) == 1.0
