"""Faults on purpose: a round of some of them for real, and how a broken promise is told."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from benchmarks.chaos import __main__ as chaos
from benchmarks.chaos import corrupting, watching
from benchmarks.chaos.rounds import BrokenError, LeftOutError, Play, Scene

SHORT = {
    ("kill", "finance_monitor watch"),
    ("partitioned Redis", "finance_monitor watch"),
    ("corrupt files", "feed of finance_monitor"),
}


def test_a_round_of_each_keeps_its_promise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for room in (corrupting, watching):
        monkeypatch.setattr(room, "ROUNDS", 1)
    wanted = [one for one in chaos.all_plays() if one[:2] in SHORT]
    scene, out = Scene(tmp_path / "rounds", tmp_path, tmp_path), tmp_path / "chaos.jsonl"
    rounds, left_out = chaos.play(scene, wanted, 7, monotonic() + 600, out, turns=1)
    assert [one.broken for one in rounds] == [None] * len(rounds)
    assert {one.fault for one in rounds} | left_out.keys() == {fault for fault, _ in SHORT}
    assert [json.loads(line)["what"] for line in out.read_text().splitlines()] == [
        one.what for one in rounds
    ]


def loses(scene: Scene, rng: random.Random) -> Iterator[dict[str, Any]]:
    yield {"drawn": rng.random()}
    raise BrokenError("one is lost")


def is_impossible(scene: Scene, rng: random.Random) -> Iterator[dict[str, Any]]:
    raise LeftOutError("needs another machine")
    yield {}


def test_a_broken_promise_is_told_with_what_plays_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plays: list[tuple[str, str, Play]] = [
        ("kill", "shop", loses),
        ("flood", "shop", is_impossible),
    ]
    monkeypatch.setattr(chaos, "all_plays", lambda: plays)
    monkeypatch.setattr("benchmarks.chaos.stores.make_scene", lambda _: Scene(*[tmp_path] * 3))
    out = tmp_path / "chaos.jsonl"

    def told(*arguments: str) -> tuple[int, str, list[dict[str, Any]]]:
        code = chaos.main(["--seed", "5", "--turns", "1", "--out", str(out), *arguments])
        kept = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
        return code, capsys.readouterr().out, kept

    code, said, kept = told()
    assert code == 1
    assert "1 of 2" in said
    assert "flood              left out: needs another machine" in said
    assert "broken, round 2 (--seed 5 --only 'kill/shop'): one is lost" in said
    assert [one["what"] for one in told("--only", "kill/shop")[2]] == [one["what"] for one in kept]
    assert told("--only", "flood")[0] == 0
    with pytest.raises(SystemExit, match="there are flood, flood/shop, kill, kill/shop"):
        chaos.main(["--only", "fire"])
