"""`serve --compare` and `--stock`, and the verb `experiment`, from the command line."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from command_line import run_here
from rich.console import Console
from test_experiment import _rows
from test_switching import _copied, _served
from trained_shop import succeed

from apps.recommender.experiments.assignment import begin_experiment
from apps.recommender.experiments.cli import _table
from apps.recommender.experiments.outcome import Arm, Outcome
from apps.recommender.learning.cli import open_events


@pytest.fixture
def mine(store: Path, tmp_path: Path) -> Path:
    """A release and its double."""
    made = shutil.copytree(store, tmp_path / "var", symlinks=True)
    _copied(made, "second")
    return made


def _first(mine: Path) -> str:
    return (mine / "recommender" / "current").resolve().name


def test_a_server_shows_two_releases_and_nothing_that_is_sold_out(
    data: tuple[object, ...], mine: Path, tmp_path: Path, eventually: Callable[..., None]
) -> None:
    stock = tmp_path / "stock.csv"
    stock.write_text("item_id,stock\nnobody has it,0\n", encoding="utf-8")
    options = ("--compare", "second", "--share", "50%", "--stock", stock, "--store", mine)
    with (
        _served(*data, *options) as (address, _),
        httpx.Client(base_url=address, timeout=60) as client,
    ):
        users = client.get("/v1/users").json()["users"]

        def first_of(user: str) -> tuple[str, str]:
            reply = client.get(f"/v1/recommendations/{user}", params={"k": 1}).json()
            return reply["model_id"], reply["items"][0]["item_id"]

        assert {first_of(user)[0] for user in users} == {_first(mine), "second"}
        sold_out = first_of(users[0])[1]
        stock.write_text(f"item_id,stock\n{sold_out},0\n", encoding="utf-8")
        eventually(lambda: first_of(users[0])[1] != sold_out)
        told = client.get("/v1/experiment").json()["experiment"]
    assert (told["release_id"], told["serving_id"], told["share"]) == ("second", _first(mine), 0.5)
    done = run_here("recommender", "experiment", "--store", mine)
    assert done.returncode == 3, done.stderr
    assert "too few were shown lists" in done.stderr


def test_the_verb_tells_what_came_of_it(mine: Path) -> None:
    now = time.time()
    running = begin_experiment(
        mine / "recommender", "second", 0.5, _first(mine), lambda: now - 7200
    )
    with open_events(mine, None) as events:
        for number in range(400):
            user = f"u{number}"
            is_inside = running.includes(user)
            took = ["click"] if number % 3 == 0 or is_inside else []
            shown_by = "second" if is_inside else _first(mine)
            events.add(_rows(user, shown_by, now - 5000, *took))
    found = json.loads(succeed("experiment", "--store", mine, "--json").stdout)
    first = found["outcomes"][0]
    assert first["other"]["rate"] == 0.5 and first["is_shown"]
    assert "second is better" in succeed("experiment", "--store", mine).stdout


def test_a_behavior_in_brackets_is_shown_as_it_was_reported() -> None:
    arm = Arm("r1", 0, 0, 0, 0, 0.0)
    console = Console(record=True, width=200)
    console.print(_table([Outcome("taken", arm, arm), Outcome("[/click]", arm, arm)], "Shown"))
    assert "[/click]" in console.export_text()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--share", "20%"), "Add --compare RELEASE"),
        (("--compare", "second", "--share", "100%"), "nobody is left"),
        (("--compare", "nothing"), "no release 'nothing'"),
    ],
)
def test_a_comparison_that_cannot_be_is_refused(
    data: tuple[object, ...], mine: Path, options: tuple[str, ...], said: str
) -> None:
    done = run_here("recommender", "serve", *data, *options, "--store", mine)
    assert done.returncode == 2
    assert said in done.stderr
