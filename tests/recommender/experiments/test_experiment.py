"""A release beside the one that serves: who is shown it, and what came of it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import databases
import httpx
import numpy as np
import pytest
from shop import MODEL, Shelf, Shop, always, serving

from apps.recommender.experiments.assignment import (
    Arms,
    Experiment,
    begin_experiment,
    kept_experiment,
)
from apps.recommender.experiments.cli import open_experiment
from apps.recommender.experiments.outcome import OfUser, outcomes, refuse_too_few
from apps.recommender.experiments.telling import find_experiment, tell
from apps.recommender.interactions.behaviors import SHOWN, Behaviors
from apps.recommender.learning.reported import Event
from apps.recommender.learning.server import EventCollector, collect_events
from apps.recommender.learning.store import EventStore
from apps.recommender.server import build_app
from common.errors import RefusedError, UserError
from common.releases.registry import Registry
from common.serving.switching.live import LiveRelease
from common.storage.database import Database

OTHER = "2026-11-26T0800-aaaaaa"
READERS = [f"reader-{n}" for n in range(30)]


def _arms(share: float) -> Arms[Any]:
    def load(release: SimpleNamespace) -> Shop:
        return Shop(release.release_id)

    other: LiveRelease[Any] = LiveRelease(Shelf(), load, release_id=OTHER)  # type: ignore[arg-type]
    return Arms(always(Shop()), Experiment(OTHER, share, time.time() - 7200), other)


def test_a_user_is_always_in_the_same_arm_and_a_share_of_them_in_each() -> None:
    experiment = Experiment(OTHER, 0.1, 0.0)
    users = [f"u{n}" for n in range(20_000)]
    inside = {user for user in users if experiment.includes(user)}
    assert len(inside) / len(users) == pytest.approx(0.1, abs=4 * np.sqrt(0.1 * 0.9 / len(users)))
    again = Experiment(OTHER, 0.1, 99.0)
    assert inside == {user for user in users if again.includes(user)}, "whenever it began"
    wider = Experiment(OTHER, 0.2, 0.0)
    assert all(wider.includes(user) for user in inside), "who was in stays in"
    another = Experiment("another release", 0.1, 0.0)
    both = sum(another.includes(user) for user in inside) / len(inside)
    assert both == pytest.approx(0.1, abs=0.03), "another experiment is another draw"


def test_the_moment_it_began_is_kept_over_a_restart(tmp_path: Path) -> None:
    first = begin_experiment(tmp_path, OTHER, 0.1, lambda: 10.0)
    assert kept_experiment(tmp_path) == first
    assert begin_experiment(tmp_path, OTHER, 0.1, lambda: 20.0) == first
    assert begin_experiment(tmp_path, OTHER, 0.2, lambda: 30.0).began == 30.0
    assert find_experiment(tmp_path, MODEL).share == 0.2
    with pytest.raises(UserError, match="serves by now"):
        find_experiment(tmp_path, OTHER)
    with pytest.raises(UserError, match="there was no experiment"):
        find_experiment(tmp_path / "elsewhere", MODEL)


@pytest.fixture
def collector(tmp_path: Path) -> EventCollector:
    return collect_events(Registry(tmp_path, "recommender"))


def test_answers_and_events_say_which_release_made_the_list(collector: EventCollector) -> None:
    arms = _arms(0.5)
    app = build_app(arms.live, arms=arms, collector=collector)
    with serving(app) as address, httpx.Client(base_url=address) as client:
        made: dict[str, str] = {}
        for user in READERS:
            made[user] = client.get(f"/v1/recommendations/{user}").json()["model_id"]
            body = {"user_id": user, "events": []}
            again = client.post("/v1/recommendations", json=body).json()
            assert {row["model_id"] for row in again["items"]} == {made[user]}
            shown = {"impression_id": f"p-{user}", "user_id": user}
            client.post("/v1/events", json={"shown": [shown | {"items": [{"item_id": "item-1"}]}]})
        sessions = {
            client.post("/v1/recommendations", json={"session_id": f"s{n}", "events": []}).json()[
                "model_id"
            ]
            for n in range(20)
        }
        nobody = client.post("/v1/recommendations", json={"events": []}).json()["model_id"]
        told = client.get("/v1/experiment").json()["experiment"]
    assert {*made.values()} == sessions == {MODEL, OTHER}
    assert nobody == MODEL
    logged = {row.user_id: row.release_id for row in collector.writer.store.latest(limit=100)}
    assert logged == made
    assert (told["release_id"], told["serving_id"], told["share"]) == (OTHER, MODEL, 0.5)
    assert told["outcomes"][0]["difference"] is None, "nobody has had the time to take anything"


def test_without_an_experiment_the_server_says_so() -> None:
    with serving(build_app(always(Shop()))) as address:
        assert httpx.get(f"{address}/v1/experiment").json() == {"experiment": None}


def test_an_experiment_is_begun_for_another_release_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shelf: Any = Shelf()
    shelf.root = tmp_path
    assert open_experiment(shelf, None, "10%", None) is None
    assert open_experiment(shelf, MODEL, "10%", None) is None, "promoted since"
    assert "nothing is compared" in capsys.readouterr().err
    assert kept_experiment(tmp_path) is None
    begun = open_experiment(shelf, OTHER, "10%", None)
    assert begun is not None and (begun.release_id, begun.share) == (OTHER, 0.1)
    assert "twice the memory" in capsys.readouterr().err
    for share in ("100%", "0", "some"):
        with pytest.raises(UserError, match="--share"):
            open_experiment(shelf, OTHER, share, None)


def _users(rate: float, users: int, random: np.random.Generator) -> list[OfUser]:
    shown = random.integers(1, 30, users)
    # Some take much and some little: places of one user are no coins of their own.
    own = random.beta(2 * rate / (1 - rate), 2, users)
    taken = random.binomial(shown, own)
    return [
        OfUser(f"u{n}", int(s), {"taken": int(t), "click": int(t)})
        for n, (s, t) in enumerate(zip(shown, taken, strict=True))
    ]


def test_the_interval_holds_the_true_difference_as_often_as_it_says() -> None:
    random, held, worlds = np.random.default_rng(3), 0, 300
    true = 0.0
    for _ in range(worlds):
        (found,) = outcomes("a", _users(0.1, 300, random), "b", _users(0.1, 400, random))
        assert found.low is not None and found.high is not None
        held += found.low <= true <= found.high
    assert held / worlds == pytest.approx(0.95, abs=0.04)


def test_a_difference_is_shown_where_it_is_one() -> None:
    random = np.random.default_rng(5)
    (found,) = outcomes("a", _users(0.1, 2000, random), "b", _users(0.15, 2000, random))
    assert found.is_shown and (found.difference or 0) > 0
    (same,) = outcomes("a", _users(0.1, 2000, random), "b", _users(0.1, 2000, random))
    assert not same.is_shown


def test_a_few_users_decide_nothing() -> None:
    random = np.random.default_rng(5)
    found = outcomes("a", _users(0.1, 2000, random), "b", _users(0.5, 99, random))
    with pytest.raises(RefusedError, match="b: 99 users"):
        refuse_too_few(found)
    nobody_took = [OfUser(f"u{n}", 9) for n in range(500)]
    with pytest.raises(RefusedError, match="0 of whom"):
        refuse_too_few(outcomes("a", _users(0.1, 2000, random), "b", nobody_took))


@pytest.fixture(params=databases.KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EventStore]:
    with databases.empty(request.param, tmp_path) as url:
        database = Database(url)
        yield EventStore(database, "recommender")
        database.close()


def _rows(user: str, release_id: str, at: float, *behaviors: str) -> list[Event]:
    """Two items shown on one page, of which the first is taken."""
    same = {"source": "s", "user_id": user, "impression_id": f"{user}-{at}"}
    shown = [
        Event(id=f"{user}-{at}-{n}", at=at, item_id=f"i{n}", behavior=SHOWN,
              release_id=release_id, **same)
        for n in range(2)
    ]  # fmt: skip
    return shown + [
        Event(id=f"{user}-{at}-{name}", at=at, item_id="i0", behavior=name, **same)
        for name in behaviors
    ]


def test_what_was_taken_is_counted_by_user_and_release(store: EventStore) -> None:
    now = time.time()
    experiment = Experiment(OTHER, 0.5, now - 7200)
    inside = next(user for user in READERS if experiment.includes(user))
    outside = next(user for user in READERS if not experiment.includes(user))
    store.add(
        [
            *_rows(inside, OTHER, now - 5000, "click", "purchase"),
            *_rows(outside, MODEL, now - 5000, "dislike"),
            *_rows(outside, MODEL, now - 4000, "click"),
            # Before it began, a moment ago, after its end, and of nobody in particular.
            *_rows(outside, MODEL, now - 9000, "click"),
            *_rows(outside, MODEL, now - 60, "click"),
            *_rows(inside, MODEL, now - 3000, "click"),
            *_rows("anonymous", MODEL, now - 3000, "click"),
        ]
    )
    _, (taken, click, purchase) = tell(experiment, MODEL, store, Behaviors())
    assert [one.behavior for one in (taken, click, purchase)] == ["taken", "click", "purchase"]
    assert vars(taken.other) == {
        "release_id": OTHER, "users": 1, "takers": 1, "shown": 2, "taken": 1, "rate": 0.5,
    }  # fmt: skip
    assert (taken.serving.users, taken.serving.shown, taken.serving.taken) == (1, 4, 1)
    assert (purchase.other.taken, purchase.serving.taken) == (1, 0)
    assert taken.difference is None


def test_a_release_that_was_promoted_meanwhile_is_compared_from_then_on(store: EventStore) -> None:
    now = time.time()
    experiment = Experiment(OTHER, 0.5, now - 9000)
    inside = next(user for user in READERS if experiment.includes(user))
    outside = next(user for user in READERS if not experiment.includes(user))
    store.add(
        [
            *_rows(inside, OTHER, now - 8000, "click"),
            *_rows(outside, "before", now - 8000, "click"),
            *_rows(outside, MODEL, now - 4000, "click"),
            *_rows(inside, OTHER, now - 3000),
        ]
    )
    since, (taken,) = tell(experiment, MODEL, store, Behaviors())
    assert since == pytest.approx(now - 4000)
    assert (taken.serving.shown, taken.serving.taken) == (2, 1)
    assert (taken.other.shown, taken.other.taken) == (2, 0)


def test_the_file_is_what_the_verb_reads(tmp_path: Path) -> None:
    begin_experiment(tmp_path, OTHER, 0.1, lambda: 10.0)
    kept = json.loads((tmp_path / "experiment.json").read_text())
    assert kept == {"release_id": OTHER, "share": 0.1, "began": 10.0}
