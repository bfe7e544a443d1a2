"""Logged lists as decisions: which count, what is told of each, and what `effect` makes of them."""

from __future__ import annotations

import csv
import json
import shutil
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from command_line import run_here
from processes import run
from test_experiment import _rows
from test_switching import _copied, _served
from trained_shop import succeed

from apps.recommender.experiments.actions import GRAPHS, Action
from apps.recommender.experiments.assignment import Experiment, Run, begin_experiment
from apps.recommender.experiments.decisions import decisions_of
from apps.recommender.interactions.behaviors import SHOWN
from apps.recommender.learning.cli import open_events
from apps.recommender.learning.disliking import Disliking
from apps.recommender.learning.reported import Event
from apps.recommender.learning.store import EventStore
from apps.recommender.learning.taking import read_reported
from common.errors import UserError
from common.evaluation.effects.graph import read_graph
from common.evaluation.effects.identification import adjustment_set
from common.storage.database import Database

NOW = 2_000_000.0
READERS = [f"reader-{n}" for n in range(30)]


def _told(tmp_path: Path, rows: list[Event], action: Action, **more: Any) -> list[dict[str, Any]]:
    database = Database(tmp_path / "events.db")
    store = EventStore(database, "recommender")
    store.add(rows)
    found = decisions_of(
        read_reported(store), Disliking(["dislike"], 3.0), action=action, now=NOW, **more
    )
    database.close()
    return found


def test_the_lists_of_both_arms_are_told_as_they_were_shown(tmp_path: Path) -> None:
    experiment = Experiment("b", 0.5, (Run("a", NOW - 8000, NOW - 4000), Run("a", NOW - 3500)))
    inside = next(user for user in READERS if experiment.includes(user))
    outside = next(user for user in READERS if not experiment.includes(user))
    rows = [
        *_rows(inside, "b", NOW - 5000, "click", "purchase"),
        *_rows(outside, "a", NOW - 9000, "click"),
        *_rows(outside, "a", NOW - 5000, "dislike"),
        *_rows(outside, "a", NOW - 3000, "click"),
        # Between its runs, too late to tell, not of their arm, and of nobody.
        *_rows(outside, "a", NOW - 3700, "click"),
        *_rows(outside, "a", NOW - 60, "click"),
        *_rows(inside, "a", NOW - 2000, "click"),
        *_rows("anonymous", "a", NOW - 5000, "click"),
    ]
    found = _told(tmp_path, rows, Action.release, experiment=experiment, serving_id="a")
    seen = [(one["user_id"], one["other_release"], one["taken"]) for one in found]
    assert sorted(seen) == sorted([(inside, 1, 1), (outside, 0, 0), (outside, 0, 1)])
    # Before the experiment: what came later it may have caused.
    assert {one["user_id"]: one["done_before"] for one in found} == {inside: 0, outside: 1}
    assert all(one["items"] == 2 and one["taken_items"] == one["taken"] for one in found)
    assert [one["shown_at"] for one in found] == sorted(one["shown_at"] for one in found)
    with pytest.raises(UserError, match="not shown beside"):
        _told(tmp_path / "2", [], Action.release, experiment=experiment, serving_id="c")


def _list(user: str, name: str, at: float, propensities: list[float | None]) -> list[Event]:
    return [
        Event(
            id=f"{name}-{n}",
            at=at,
            source="s",
            user_id=user,
            item_id=f"i{n}",
            behavior=SHOWN,
            impression_id=name,
            propensity=propensity,
        )
        for n, propensity in enumerate(propensities)
    ]


def test_lists_that_chance_decided_about_are_told_and_no_others(tmp_path: Path) -> None:
    done = {"source": "s", "user_id": "u", "item_id": "i1"}
    rows = [
        *_list("u", "kept", NOW - 95_400, [0.95, 0.95]),
        Event(id="t", at=NOW - 95_390, behavior="click", impression_id="kept", **done),
        *_list("u", "drawn", NOW - 8000, [0.95, 0.0005]),
        Event(id="r", at=NOW - 7990, behavior="rating", rating=2, impression_id="drawn", **done),
        *_list("u", "nothing below", NOW - 7000, [1.0, 1.0]),
        *_list("u", "untold", NOW - 6000, [0.95, None]),
    ]
    found = _told(tmp_path, rows, Action.explored)
    names = ("impression_id", "explored", "taken", "done_before", "day")
    assert [tuple(one[name] for name in names) for one in found] == [
        ("kept", 0, 1, 0, 0.0),
        ("drawn", 1, 0, 1, 1.01),
    ]
    with pytest.raises(UserError, match="half an hour"):
        _told(tmp_path / "2", _list("u", "now", NOW - 5, [0.9, 0.9]), Action.explored)


@pytest.mark.parametrize("action", list(Action))
def test_a_graph_to_begin_with_needs_nothing_that_is_not_measured(
    action: Action, tmp_path: Path
) -> None:
    path = tmp_path / "graph.toml"
    path.write_text(GRAPHS[action], encoding="utf-8")
    question = read_graph(path)
    # The share that explores may have been changed.
    assert ("day" in adjustment_set(question)) == (action is Action.explored)
    assert "done_before" in adjustment_set(question)
    assert question.unit == "user_id"


def _effect(folder: Path) -> dict[str, Any]:
    files = (folder / "decisions.csv", "--graph", folder / "graph.toml")
    done = run("-m", "apps", "effect", *files, "--json")
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_an_effect_is_told_from_the_log_of_an_experiment(store: Path, tmp_path: Path) -> None:
    mine = shutil.copytree(store, tmp_path / "var", symlinks=True)
    serving, now = (mine / "recommender" / "current").resolve().name, time.time()
    _copied(mine, "second")
    running = begin_experiment(mine / "recommender", "second", 0.5, serving, lambda: now - 9000)
    draw = np.random.default_rng(0)
    rows: list[Event] = []
    for number in range(300):
        user = f"u{number}"
        is_inside = running.includes(user)
        for visit in range(3):
            took = ["click"] if draw.random() < (0.6 if is_inside else 0.3) else []
            made = "second" if is_inside else serving
            rows += _rows(user, made, now - 5000 - visit, *took)
    with open_events(mine, None) as events:
        events.add(rows)
    out = tmp_path / "told"
    done = succeed("decisions", out, "--store", mine)
    assert "900 decisions" in done.stderr and "apps effect" in done.stderr
    (out / "graph.toml").write_text(GRAPHS[Action.release] + "# mine\n", encoding="utf-8")
    assert "stays as it is" in succeed("decisions", out, "--store", mine).stderr
    assert "# mine" in (out / "graph.toml").read_text(encoding="utf-8")
    told = _effect(out)
    assert told["adjusted_for"] == ["done_before"] and told["units"] == 300
    assert told["effect"]["low"] < 0.3 < told["effect"]["high"]
    assert told["effect"]["low"] > 0.15


def test_an_effect_is_told_from_what_a_server_explored(
    data: tuple[object, ...], store: Path, tmp_path: Path
) -> None:
    mine = shutil.copytree(store, tmp_path / "var", symlinks=True)
    at, lists = time.time() - 7200, 0
    options = ("--explore", "50%", "--explore-by", "thompson", "--store", mine)
    with (
        _served(*data, *options) as (address, _),
        httpx.Client(base_url=address, timeout=60) as client,
    ):
        users = client.get("/v1/users", params={"limit": 90}).json()["users"]
        for visit in range(3):
            shown, taken = [], []
            for user in users:
                ranked = client.get(f"/v1/recommendations/{user}", params={"k": 3}).json()["items"]
                name = {"user_id": user, "impression_id": f"{user} {visit}"}
                moment = {"timestamp": at + visit}
                kept = [{"item_id": r["item_id"], "propensity": r["propensity"]} for r in ranked]
                shown.append({**name, **moment, "items": kept})
                lists += 1
                # Nobody takes from a list that gave a place to chance; of the others two in three.
                if not any(row["explored"] for row in ranked) and lists % 3:
                    taken.append({**name, **moment, "item_id": ranked[0]["item_id"]})
            reply = client.post("/v1/events", json={"shown": shown, "events": taken})
            assert reply.status_code == 201, reply.text
    out = tmp_path / "told"
    succeed("decisions", out, "--action", "explored", "--store", mine)
    with (out / "decisions.csv").open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == lists == 3 * len(users)
    assert 0.3 < sum(row["explored"] == "1" for row in rows) / lists < 0.7
    told = _effect(out)
    assert told["effect"]["value"] == pytest.approx(-2 / 3, abs=0.12)


def test_without_an_experiment_nothing_is_written(store: Path, tmp_path: Path) -> None:
    done = run_here("recommender", "decisions", tmp_path / "out", "--store", store)
    assert done.returncode == 2
    assert "there was no experiment" in done.stderr and not (tmp_path / "out").exists()
