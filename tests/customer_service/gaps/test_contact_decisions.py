"""Logged answers as decisions: which contacts count, and what `effect` makes of them."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import run_here
from processes import Finished, run
from test_resolution import DAY, NOW, asked

from apps.customer_service.gaps.decisions import decisions_of
from common.errors import UserError
from common.learning.options_cli import open_store
from common.learning.schema import Prediction


def _by(release_id: str, one: Prediction) -> Prediction:
    return one.model_copy(update={"release_id": release_id, "id": f"{release_id} {one.id}"})


def test_a_contact_is_of_the_release_that_was_asked_first() -> None:
    rows = decisions_of(
        [
            _by("b", asked(0)),
            _by("a", asked(1, intent="fees")),
            _by("a", asked(2, subject="ben")),
            _by("b", asked(3, "handoff", subject="carl", text="卡在哪里？")),
            _by("c", asked(3, subject="dora")),
            _by("b", asked(59, subject="dora")),
        ],
        NOW,
        "b",
    )
    names = ("customer", "this_release", "answered", "settled", "day", "language")
    assert [tuple(row[name] for name in names) for row in rows] == [
        # Whatever the second question was about, she came back: to whichever release.
        ("anna", 1, 1, 0, 0.0, "en"),
        ("ben", 0, 1, 1, 2.0, "en"),
        ("carl", 1, 0, 0, 3.0, "zh"),
    ]


@pytest.mark.parametrize(
    ("release_id", "beside", "said"),
    [
        ("b", None, "no other release answered"),
        ("b", "c", "c answered no contact"),
        ("new", "b", "new answered no contact"),
    ],
)
def test_a_release_that_answered_nothing_is_not_compared(
    release_id: str, beside: str | None, said: str
) -> None:
    with pytest.raises(UserError, match=said) as caught:
        decisions_of([_by("b", asked(0))], NOW, release_id, beside)
    assert "b (1)" in str(caught.value.hint)


def test_a_release_is_not_compared_with_itself() -> None:
    with pytest.raises(UserError, match="with itself"):
        decisions_of([_by("b", asked(0))], NOW, "b", "b")


def test_the_newer_release_is_not_told_by_its_failures_alone() -> None:
    young = [_by("b", asked(58 + n / 10, "handoff", subject=f"u{n}")) for n in range(5)]
    rows = decisions_of([_by("a", asked(0)), _by("b", asked(1, subject="ben")), *young], NOW, "b")
    assert [(row["this_release"], row["settled"]) for row in rows] == [(0, 1), (1, 1)]


def _log(begins: dict[str, tuple[float, float]], chance: dict[str, float]) -> list[Prediction]:
    """300 customers of each release, who come back unless it settled their matter."""
    draw, rows = np.random.default_rng(0), []
    for release_id, (first, last) in begins.items():
        for number in range(300):
            customer = f"{release_id} {number}"
            at = time.time() - draw.uniform(last, first) * DAY
            again = [] if draw.random() < chance[release_id] else [at + 3600]
            for moment in (at, *again):
                question = asked(0, subject=customer).model_copy(
                    update={"at": moment, "release_id": release_id, "id": f"{customer} {moment}"}
                )
                rows.append(question)
    return rows


def _told(tmp_path: Path, rows: list[Prediction]) -> Finished:
    with open_store(tmp_path / "var", None, "customer_service") as kept:
        kept.add(rows)
    out = tmp_path / "told"
    given = ("--release", "new", "--store", tmp_path / "var")
    done = run_here("customer_service", "decisions", out, *given)
    assert done.returncode == 0, done.stderr
    assert "600 decisions" in done.stderr
    files = (out / "decisions.csv", "--graph", out / "graph.toml")
    return run("-m", "apps", "effect", *files, "--json")


def test_an_effect_is_told_of_two_releases_that_answered_side_by_side(tmp_path: Path) -> None:
    both = {"old": (80.0, 10.0), "new": (80.0, 10.0)}
    done = _told(tmp_path, _log(both, {"old": 0.5, "new": 0.8}))
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    assert told["adjusted_for"] == ["day", "hour", "language"]
    assert 0.1 < told["effect"]["low"] < 0.3 < told["effect"]["high"]


def test_one_release_after_the_other_tells_nothing(tmp_path: Path) -> None:
    after = {"old": (80.0, 45.0), "new": (44.0, 10.0)}
    done = _told(tmp_path, _log(after, {"old": 0.5, "new": 0.8}))
    assert done.returncode == 3, done.stdout
    assert "overlap" in done.stderr or "certain" in done.stderr
