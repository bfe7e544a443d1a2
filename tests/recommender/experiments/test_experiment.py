"""A release beside the one that serves: who is shown it, and what came of it."""

from __future__ import annotations

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
    Run,
    begin_experiment,
    end_experiment,
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
    runs = (Run(MODEL, time.time() - 7200),)
    return Arms(always(Shop()), Experiment(OTHER, share, runs), other)


def test_a_user_is_always_in_the_same_arm_and_a_share_of_them_in_each() -> None:
    experiment = Experiment(OTHER, 0.1)
    users = [f"u{n}" for n in range(20_000)]
    inside = {user for user in users if experiment.includes(user)}
    assert len(inside) / len(users) == pytest.approx(0.1, abs=4 * np.sqrt(0.1 * 0.9 / len(users)))
    again = Experiment(OTHER, 0.1, (Run(MODEL, 99.0),))
    assert inside == {user for user in users if again.includes(user)}, "whenever it began"
    wider = Experiment(OTHER, 0.2)
    assert all(wider.includes(user) for user in inside), "who was in stays in"
    another = Experiment("another release", 0.1)
    both = sum(another.includes(user) for user in inside) / len(inside)
    assert both == pytest.approx(0.1, abs=0.03), "another experiment is another draw"


def test_the_moment_it_began_is_kept_over_a_restart(tmp_path: Path) -> None:
    first = begin_experiment(tmp_path, OTHER, 0.1, MODEL, lambda: 10.0)
    assert kept_experiment(tmp_path) == first
    assert begin_experiment(tmp_path, OTHER, 0.1, MODEL, lambda: 20.0) == first
    assert begin_experiment(tmp_path, OTHER, 0.2, MODEL, lambda: 30.0).runs == (Run(MODEL, 30.0),)
    assert find_experiment(tmp_path, MODEL).share == 0.2
    with pytest.raises(UserError, match="serves by now"):
        find_experiment(tmp_path, OTHER)
    with pytest.raises(UserError, match="there was no experiment"):
        find_experiment(tmp_path / "elsewhere", MODEL)


def test_the_times_in_which_it_did_not_run_are_kept(tmp_path: Path) -> None:
    assert end_experiment(tmp_path) is None
    begin_experiment(tmp_path, OTHER, 0.1, MODEL, lambda: 10.0)
    end_experiment(tmp_path, lambda: 20.0)
    assert end_experiment(tmp_path, lambda: 25.0) == kept_experiment(tmp_path)
    begin_experiment(tmp_path, OTHER, 0.1, MODEL, lambda: 30.0)
    found = begin_experiment(tmp_path, OTHER, 0.1, "promoted", lambda: 40.0)
    assert found.runs == (Run(MODEL, 10.0, 20.0), Run(MODEL, 30.0, 40.0), Run("promoted", 40.0))


def test_a_promotion_begins_another_run_and_brings_the_other_release_the_new_data(
    tmp_path: Path,
) -> None:
    shelf: Any = Shelf()
    live: LiveRelease[Any] = LiveRelease(shelf, lambda release: Shop(release.release_id))
    read: list[Shop] = []

    def load(release: Any) -> Shop:
        read.append(Shop(release.release_id))
        return read[-1]

    other: LiveRelease[Any] = LiveRelease(shelf, load, release_id=OTHER)
    experiment = begin_experiment(tmp_path, OTHER, 0.5, "in the parent")
    arms = Arms(live, experiment, other, tmp_path)
    inside = next(user for user in READERS if experiment.includes(user))
    assert arms.of(inside).current is read[0]
    shelf.current = "promoted"
    live.refresh()
    assert len(read) == 2 and arms.of(inside).current is read[1]
    assert arms.experiment == kept_experiment(tmp_path)
    shelf.current = OTHER
    live.refresh()
    assert arms.of(inside) is live and len(read) == 2, "all are shown it now"
    kept = kept_experiment(tmp_path)
    assert kept is not None and [run.ended is None for run in kept.runs] == [False] * 3
    shelf.current = MODEL
    live.refresh()
    assert arms.of(inside).current is read[2]
    kept = kept_experiment(tmp_path)
    assert kept is not None and [run.serving_id for run in kept.runs] == [
        "in the parent", MODEL, "promoted", MODEL,
    ]  # fmt: skip


def test_a_release_that_cannot_be_read_anew_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    may_load = [True]

    def load(release: Any) -> Shop:
        if not may_load[0]:
            raise UserError("items.csv: no such file")
        return Shop(release.release_id)

    shelf: Any = Shelf()
    live: LiveRelease[Any] = LiveRelease(shelf, load)
    before, may_load[0] = live.current, False
    live.reload()
    assert live.current is before
    assert "items.csv: no such file" in caplog.text


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
    with pytest.raises(UserError, match="nothing to compare with"):
        open_experiment(shelf, None, "10%", None)
    assert open_experiment(shelf, None, None, None) is None
    assert open_experiment(shelf, MODEL, "10%", None) is None, "promoted since"
    assert "nothing is compared" in capsys.readouterr().err
    assert kept_experiment(tmp_path) is None
    begun = open_experiment(shelf, OTHER, None, None)
    assert begun is not None and (begun.release_id, begun.share) == (OTHER, 0.1)
    assert [run.serving_id for run in begun.runs] == [MODEL]
    assert "twice the memory" in capsys.readouterr().err
    for share in ("100%", "0", "some"):
        with pytest.raises(UserError, match="--share"):
            open_experiment(shelf, OTHER, share, None)
    for without in (None, MODEL):
        assert open_experiment(shelf, OTHER, "10%", None) is not None
        open_experiment(shelf, without, None, None)
        kept = kept_experiment(tmp_path)
        assert kept is not None and kept.runs[-1].ended is not None


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
    runs = (Run(MODEL, now - 7200, now - 2500), Run(MODEL, now - 2000))
    experiment = Experiment(OTHER, 0.5, runs)
    inside = next(user for user in READERS if experiment.includes(user))
    outside = next(user for user in READERS if not experiment.includes(user))
    store.add(
        [
            *_rows(inside, OTHER, now - 5000, "click", "purchase"),
            *_rows(outside, MODEL, now - 5000, "dislike"),
            *_rows(outside, MODEL, now - 4000, "click"),
            # Before it began, between its runs, a moment ago, not of their arm, and of nobody.
            *_rows(outside, MODEL, now - 9000, "click"),
            *_rows(outside, MODEL, now - 2200, "click"),
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
    with pytest.raises(UserError, match="not shown beside promoted"):
        tell(experiment, "promoted", store, Behaviors())


def test_what_was_rated_low_was_not_taken(store: EventStore) -> None:
    now = time.time()
    experiment = Experiment(OTHER, 0.5, (Run(MODEL, now - 7200),))
    inside = [user for user in READERS if experiment.includes(user)][:2]
    for user, rating in zip(inside, (1.0, 5.0), strict=True):
        *shown, rated = _rows(user, OTHER, now - 5000, "rating")
        store.add([*shown, rated.model_copy(update={"rating": rating})])
    _, (taken,) = tell(experiment, MODEL, store, Behaviors())
    assert (taken.other.shown, taken.other.taken) == (4, 1)


def test_a_release_that_was_promoted_meanwhile_is_compared_from_then_on(store: EventStore) -> None:
    now = time.time()
    runs = (Run("before", now - 9000, now - 4500), Run(MODEL, now - 4500))
    experiment = Experiment(OTHER, 0.5, runs)
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
    assert since == pytest.approx(now - 4500)
    assert (taken.serving.shown, taken.serving.taken) == (2, 1)
    assert (taken.other.shown, taken.other.taken) == (2, 0)
