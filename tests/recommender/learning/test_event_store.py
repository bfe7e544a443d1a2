"""What was reported comes out once, on both databases, and becomes interactions."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import databases
import polars as pl
import pytest
from command_line import run_here

from apps.recommender.interactions.behaviors import Behaviors
from apps.recommender.learning.disliking import Disliking
from apps.recommender.learning.reported import Event, event_id
from apps.recommender.learning.store import TOOK_NOTHING, EventStore
from apps.recommender.learning.taking import (
    FEWEST_OF_USER,
    log_of,
    read_events,
    take,
    write_interactions,
)
from apps.recommender.options_cli import APPLICATION
from common.learning.behind import WAITING_BOUND, BehindWriter, Fate
from common.learning.spool import Spool
from common.learning.watching.probation import Count
from common.storage.database import DATABASE, Database


def event(identity: str, at: float = 1.0, **values: Any) -> Event:
    base = {"source": "s", "user_id": "ada", "item_id": "a", "behavior": "click"}
    return Event.model_validate({"id": identity, "at": at, **base, **values})


@pytest.fixture(params=databases.KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EventStore]:
    with databases.empty(request.param, tmp_path) as url:
        database = Database(url)
        yield EventStore(database, "shop")
        database.close()


def test_what_is_reported_twice_is_kept_once(store: EventStore) -> None:
    rows = [event(str(n), at=float(n), user_id=f"读者{n % 7}") for n in range(1200)]
    store.add(rows)
    store.add([*rows[::2], event("3", item_id="another item under a known id")])
    assert store.counts() == {"click": 1200}
    assert store.latest(limit=2) == rows[-2:]
    assert [row.id for row in store.latest(user_id="读者1", limit=2)] == ["1191", "1198"]
    assert sum(len(block) for block in store.blocks()) == 1200
    assert EventStore(store.database, "other").counts() == {}


def test_a_user_and_what_is_old_are_purged(store: EventStore, tmp_path: Path) -> None:
    store.add([event("1", user_id="forget-me"), event("2", at=50.0), event("3", at=150.0)])
    assert store.purge("forget-me") == 1
    assert store.forget_before(100.0) == 1
    assert [row.id for row in store.latest()] == ["3"]
    if store.database.is_sqlite:
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert files
        assert not any(b"forget-me" in path.read_bytes() for path in files)


def test_a_database_that_is_down_loses_nothing(
    store: EventStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(_: object) -> None:
        raise OSError("down")

    writer = BehindWriter(store, tmp_path / "events.spool")
    with monkeypatch.context() as broken:
        broken.setattr(store, "add", down)
        assert writer.write(event("1", at=time.time()), event("2", at=time.time())) is Fate.SPOOLED
    assert (writer.spooled, writer.lost) == (2, 0)
    assert store.counts() == {}
    again = BehindWriter(store, tmp_path / "events.spool")
    again.start()
    again.put(event("3", at=time.time()))
    again.stop()
    assert store.counts() == {"click": 3}


def test_more_at_once_than_may_wait_are_kept_whole(store: EventStore, tmp_path: Path) -> None:
    writer = BehindWriter(store, tmp_path / "events.spool")
    assert writer.write(*(event(str(n)) for n in range(WAITING_BOUND + 1))) is Fate.WRITTEN
    assert (writer.written, writer.lost) == (WAITING_BOUND + 1, 0)
    assert store.counts() == {"click": WAITING_BOUND + 1}


def test_no_byte_of_what_is_old_is_left_while_another_has_the_database_open(
    tmp_path: Path,
) -> None:
    database = Database(tmp_path / DATABASE)
    EventStore(database, APPLICATION).add([event("a", user_id="zeppelin-reader")])
    another = sqlite3.connect(tmp_path / DATABASE)
    another.execute("SELECT count(*) FROM leases").fetchall()
    assert b"zeppelin-reader" in databases.content(tmp_path)
    done = run_here(
        "recommender", "feedback", "purge", "--older-than", "30d", "--store", tmp_path, "--json"
    )
    assert json.loads(done.stdout) == {"events": 1}
    assert b"zeppelin-reader" not in databases.content(tmp_path)
    another.close()
    database.close()


def test_what_waits_in_the_spool_is_purged_as_well(store: EventStore, tmp_path: Path) -> None:
    spool = Spool(tmp_path / "events.spool", store.kinds)
    spool.append([event("1", user_id="forget-me"), event("2")])
    with (tmp_path / "events.spool").open("a", encoding="utf-8") as file:
        file.write('["event", {"id": "cut')
    assert spool.drop(lambda row: getattr(row, "user_id", "") == "forget-me") == 1
    assert b"forget-me" not in (tmp_path / "events.spool").read_bytes()
    spool.hand_over(store.add)  # type: ignore[arg-type]
    assert [row.id for row in store.latest()] == ["2"]
    assert not (tmp_path / "events.spool").exists()


def test_what_was_shown_and_not_taken_is_a_row_with_label_0(store: EventStore) -> None:
    shown = {"behavior": "shown", "impression_id": "page-1"}
    store.add(
        [
            event("1", at=10.0, item_id="a", position=1, **shown),
            event("2", at=10.0, item_id="b", position=2, propensity=0.5, **shown),
            event("3", at=11.5, item_id="b", impression_id="page-1"),
            event("5", at=11.6, item_id="b", impression_id="page-1", behavior="share"),
            event("4", at=12.0, item_id="c", behavior="purchase"),
        ]
    )
    rows = take(store).interactions
    assert rows.select("item_id", "behavior", "label", "timestamp").rows() == [
        ("a", "click", 0, 10),
        ("b", "click", 1, 11),
        ("b", "share", 1, 11),
        ("c", "purchase", None, 12),
    ]


def test_what_was_taken_keeps_the_propensity_it_was_shown_with(store: EventStore) -> None:
    shown = {"behavior": "shown", "impression_id": "page-1"}
    taken = {"item_id": "b", "impression_id": "page-1"}
    store.add(
        [
            event("1", at=10.0, item_id="a", position=1, propensity=0.9, **shown),
            event("2", at=10.0, item_id="b", position=2, propensity=0.5, **shown),
            event("3", at=10.0, item_id="d", position=3, **shown),
            event("4", at=11.0, **taken),
            event("5", at=12.0, behavior="purchase", **taken),
            event("6", at=13.0, item_id="c"),
        ]
    )
    log = log_of(take(store).interactions)
    assert log.select("item_id", "propensity", "reward", "position").rows() == [
        ("a", 0.9, 0, 1),
        ("b", 0.5, 1, 2),
    ]


def test_what_was_disliked_or_rated_low_was_not_taken(store: EventStore) -> None:
    page = {"impression_id": "page-1"}
    shown = {"behavior": "shown", "propensity": 0.9, **page}
    store.add(
        [
            *(event(item, item_id=item, position=n, **shown) for n, item in enumerate("abcd", 1)),
            event("1", at=2.0, item_id="a", behavior="dislike", **page),
            event("2", at=2.0, item_id="b", rating=1.0, **page),
            event("3", at=2.0, item_id="c", rating=5.0, **page),
            event("4", at=2.0, item_id="d", **page),
            event("5", at=3.0, item_id="d", behavior="nope", **page),
        ]
    )
    rows = take(store, behaviors=Behaviors({"nope": "dislike"})).interactions
    log = log_of(rows)
    assert log.select("item_id", "reward").sort("item_id").rows() == [
        ("a", 0),
        ("b", 0),
        ("c", 1),
        ("d", 1),
    ]
    # What was said of them is learned from all the same.
    assert rows.filter(pl.col("label").is_null())["behavior"].sort().to_list() == [
        "click",
        "dislike",
        "nope",
    ]


def test_two_users_may_have_lists_of_one_name(store: EventStore) -> None:
    page = {"impression_id": "page-1"}
    shown = {"behavior": "shown", **page}
    store.add(
        [
            event("1", user_id="ada", item_id="a", position=1, propensity=0.9, **shown),
            event("2", user_id="bo", item_id="a", position=2, propensity=0.1, **shown),
            event("3", at=2.0, user_id="bo", item_id="a", **page),
        ]
    )
    log = log_of(take(store).interactions)
    assert log.select("user_id", "propensity", "reward", "position").rows() == [
        ("ada", 0.9, 0, 1),
        ("bo", 0.1, 1, 2),
    ]


def test_outcomes_count_each_user_once(store: EventStore) -> None:
    old = time.time() - 7200
    shown: dict[str, Any] = {"behavior": "shown", "release_id": "r1"}
    store.add(
        [
            event("1", old, user_id="ada", item_id="a", impression_id="p1", **shown),
            event("2", old, user_id="ada", item_id="b", impression_id="p1", **shown),
            event("3", old + 9, user_id="ada", item_id="b", impression_id="p1"),
            *(
                event(f"r{n}", old, user_id="robot", item_id="a", impression_id=f"x{n}", **shown)
                for n in range(30)
            ),
            # Just shown: it may still be taken.
            event("4", time.time(), user_id="new", item_id="a", impression_id="p2", **shown),
        ]
    )
    assert store.outcomes(["r1", "none"], Disliking()) == {
        "r1": {TOOK_NOTHING: Count(1, 2)},
        "none": {TOOK_NOTHING: Count(0, 0)},
    }


@pytest.mark.parametrize(
    ("done", "took_nothing"),
    [
        ({"behavior": "点踩"}, 1),
        ({"behavior": "dislike"}, 1),
        ({"behavior": "Meh"}, 1),
        ({"behavior": "rating", "rating": 1.0}, 1),
        ({"behavior": "rating", "rating": 5.0}, 0),
        ({"behavior": "click"}, 0),
    ],
)
def test_a_dislike_takes_nothing(
    store: EventStore, done: dict[str, Any], took_nothing: int
) -> None:
    old = time.time() - 7200
    seen: dict[str, Any] = {"behavior": "shown", "release_id": "r1", "impression_id": "p"}
    scale = (event(f"s{n}", old, behavior="rating", rating=float(n)) for n in range(1, 6))
    store.add([event("1", old, **seen), event("2", old + 9, impression_id="p", **done), *scale])
    disliking = Disliking.of(store.counts(), store.ratings(), Behaviors({"meh": "dislike"}))
    assert store.outcomes(["r1"], disliking)["r1"] == {TOOK_NOTHING: Count(took_nothing, 1)}


def test_one_user_is_no_more_than_a_share(store: EventStore) -> None:
    robot = [event(f"r{n}", at=float(n), user_id="robot") for n in range(3 * FEWEST_OF_USER)]
    store.add([*robot, *(event(f"p{n}", user_id=f"person-{n}") for n in range(20))])
    taken = take(store)
    assert len(taken.interactions) == FEWEST_OF_USER + 20
    assert {one.text for one in taken.left_out} == {"robot"}
    # The earliest count: what comes later cannot push them out.
    kept = taken.interactions.filter(pl.col("user_id") == "robot")["timestamp"]
    assert kept.max() == FEWEST_OF_USER - 1
    assert taken.summary() == {
        "taken": FEWEST_OF_USER + 20,
        "left_out": {"more than 5% are of one user": 2 * FEWEST_OF_USER},
    }


@pytest.mark.parametrize("suffix", ["csv", "parquet", "jsonl"])
def test_they_go_out_as_a_file_and_come_back_the_same(
    store: EventStore, tmp_path: Path, suffix: str
) -> None:
    shown = {"behavior": "shown", "impression_id": "page-1", "position": 1}
    store.add([event("1", at=5.0, rating=4.0), event("2", at=6.0, item_id="b", **shown)])
    path = tmp_path / f"events.{suffix}"
    write_interactions(path, take(store).interactions)
    again = read_events(path, {}, Behaviors())
    assert [(row.at, row.item_id, row.behavior, row.rating) for row in again] == [
        (5.0, "a", "click", 4.0),
        (6.0, "b", "shown", None),
    ]
    assert len({row.id for row in [*again, *read_events(path, {}, Behaviors())]}) == 2


def test_the_shops_own_id_names_an_event() -> None:
    assert event_id("e1", 1.0, "ada") == event_id("e1", 2.0, "bo")
    assert event_id(None, 1.0, "ada") == event_id(None, 1.0, "ada")
    assert event_id(None, 1.0, "ada") != event_id(None, 2.0, "ada")
