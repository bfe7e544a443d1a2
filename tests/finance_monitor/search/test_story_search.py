"""Stories that are looked for are found, and no others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Thread

import databases
import pytest
from news import at, story, towards

from apps.finance_monitor.schema import Sentiment, TargetScore
from apps.finance_monitor.search.stories import StoryQuery, search
from apps.finance_monitor.store import Store
from apps.finance_monitor.watchlists.watchlist import Watchlist

STORIES = [
    story("a", 1, "negative", entities=("Alba",), text="Alba misses its payment 100% again"),
    story("b", 2, "positive", entities=("Borel",), topics=("deals",), text="Borel wins an order"),
    story("c", 3, "neutral", entities=("Alba", "Borel"), topics=(), text="云岭银行暂停付款"),
    story(
        "d",
        4,
        "neutral",
        entities=("Cinder", "Dorset", "Elmar"),
        topics=("fx",),
        text="ÉLECTRICITÉ Straße ＡＢＣ：銀行暂停，ﬁnal",
    ),
]
STORIES[3].targets = [*towards(Cinder="positive", Dorset="negative"), TargetScore(entity="Elmar")]


@pytest.fixture(scope="module", params=databases.KINDS)
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    with ExitStack() as stack:
        is_file = request.param == "sqlite"
        yield from _filled(None if is_file else stack.enter_context(databases.postgresql()))


def _filled(place: str | None) -> Iterator[Store]:
    opened = Store(place)
    with opened.transaction():
        opened.add_stories(((n, one, None) for n, one in enumerate(STORIES)), [])
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, "dcba"),
        ({"q": "PAYMENT"}, "a"),
        ({"q": "付款"}, "c"),
        ({"q": "again MISSES"}, "a"),
        ({"q": "云岭 付款"}, "c"),
        ({"q": '"misses its" alba'}, "a"),
        ({"q": '"misses payment"'}, ""),
        ({"q": "“misses its” alba"}, "a"),
        ({"q": "“misses payment”"}, ""),
        ({"q": "「银行 暂停」"}, ""),
        ({"q": "「暂停付款」"}, "c"),
        ({"q": '"  "'}, ""),
        ({"q": "  "}, "dcba"),
        ({"q": "électricité"}, "d"),
        ({"q": "STRASSE abc final"}, "d"),
        ({"q": "银行"}, "dc"),
        ({"q": "銀行"}, "dc"),
        ({"q": "100%"}, "a"),
        ({"q": "%"}, "a"),
        ({"q": "x' OR '1'='1"}, ""),
        ({"company": "Alba"}, "ca"),
        ({"company": "Al"}, ""),
        ({"topic": "deals"}, "b"),
        ({"sentiment": "negative"}, "a"),
        ({"begin": at(2), "end": at(3)}, "b"),
        ({"company": "Borel", "sentiment": "neutral"}, "c"),
        ({"company": "Cinder", "sentiment": "positive"}, "d"),
        ({"company": "Dorset", "sentiment": "negative"}, "d"),
        ({"company": "Dorset", "sentiment": "neutral"}, ""),
        ({"company": "Elmar", "sentiment": "neutral"}, ""),
    ],
)
def test_all_that_is_asked_must_be_true(store: Store, asked: dict[str, object], found: str) -> None:
    query = StoryQuery.model_validate(asked)
    assert "".join(one.id for one in search(store, query, 9)) == found


def test_a_search_and_what_is_written_do_not_wait_for_each_other(
    empty: str | Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Store(empty)
    with opened.transaction():
        opened.add_stories(((n, one, None) for n, one in enumerate(STORIES)), [])
    found: list[str] = []

    def look() -> None:
        found.extend(one.id for one in search(opened, StoryQuery(q="payment"), 9))

    monkeypatch.setattr(opened, "last_sequence", lambda: len(STORIES))
    with opened.transaction():
        opened.write_state("x", b"written")
        looking = Thread(target=look, daemon=True)
        looking.start()
        looking.join(10)
        assert found == ["a"]
    assert opened.read_state("x") == b"written"
    opened.close()


def test_a_watchlist_narrows_it(store: Store) -> None:
    own = Watchlist(name="own", topics=["deals"], words=["付款"])
    assert [one.id for one in search(store, StoryQuery(), 9, own)] == ["c", "b"]
    assert [one.id for one in search(store, StoryQuery(), 1, own)] == ["c"]


@pytest.mark.parametrize(("sentiment", "found"), [("negative", ["d"]), ("positive", [])])
def test_a_watchlist_asks_what_is_said_of_its_companies(
    store: Store, sentiment: Sentiment, found: list[str]
) -> None:
    own = Watchlist(name="own", companies=["Dorset"])
    query = StoryQuery(sentiment=sentiment)
    assert [one.id for one in search(store, query, 9, own)] == found
