"""`stress` of the monitor."""

from __future__ import annotations

import contextlib
import csv
import json
from pathlib import Path

from command_line import run_here
from news import BAD, GOOD

from common.evaluation.stress.expectations.expectation import Case, Expectations
from common.releases import expectations as kept
from common.releases.registry import Registry


def test_stress_says_what_each_way_of_writing_changes(release: Path, tmp_path: Path) -> None:
    news = tmp_path / "news.csv"
    with news.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "sentiment"])
        for label, phrases in (("negative", BAD), ("positive", GOOD)):
            writer.writerows([f"Hartmann {phrase}", label] for phrase in phrases)
    done = run_here("finance_monitor", "stress", "--news", news, "--store", release, "--json")
    assert done.returncode == 0, done.stderr
    found = {one["name"]: one for one in json.loads(done.stdout)["stress"]}
    assert found["full width"]["changed"] == 0
    assert found["typing errors"]["records"] == len(BAD) + len(GOOD)
    assert "traditional script" not in found
    right = found["politeness"]["figures"]["sentiment_right"]
    assert right["low"] <= right["after"] - right["before"] <= right["high"]


def test_expectations_are_told_by_kind_with_the_texts_that_fail(
    release: Path, tmp_path: Path
) -> None:
    wanted, out = tmp_path / "wanted.csv", tmp_path / "failed.csv"
    wanted.write_text(
        "name,kind,text,other,expect,label,moves\n"
        "plain,minimum functionality,Borel shares rally,,positive,,\n"
        "wrong,minimum functionality,Borel shares rally,,negative,,\n"
        "worse,direction,Borel profit jumps,Borel warns of heavy losses,,negative,up\n"
        "topic,direction,Borel profit jumps,Borel warns of heavy losses,,credit,up\n",
        encoding="utf-8",
    )
    stress = ("finance_monitor", "stress", "--expectations", wanted, "--store", release)
    done = run_here(*stress, "--out", out, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["expectations"]
    assert found["kinds"]["direction"] == {"cases": 2, "failed": 0}
    (failed,) = found["failures"]
    assert (failed["name"], failed["said"]) == ("wrong", ["positive"])
    with out.open(encoding="utf-8", newline="") as file:
        assert [row["wanted"] for row in csv.DictReader(file)] == ["negative"]
    assert "Not met" in run_here(*stress).stdout


def test_a_release_keeps_what_is_expected_of_it_for_those_that_come_after(release: Path) -> None:
    registry = Registry(release, "finance_monitor")
    opened = registry.open()
    assert opened.manifest["expectations"] == {
        "invariance": {"cases": 1, "failed": 0},
        "minimum functionality": {"cases": 2, "failed": 0},
    }
    asked: list[str] = []

    def decide(texts: object) -> list[object]:
        asked.extend(map(str, texts))  # type: ignore[call-overload]
        raise InterruptedError

    # Those of the release that serves, unless others are given.
    other = Case(name="x", kind="minimum functionality", of="sentiment", expect="x", texts=("y",))
    for given in (None, Expectations(cases=(other,))):
        with contextlib.suppress(InterruptedError):
            kept.check_next(registry, given, decide)  # type: ignore[arg-type]
    assert asked[0] == "Borel shares plunge after fraud"
    assert asked[-1] == "y"


def test_a_label_that_there_is_not_is_told_before_anything_is_loaded(
    release: Path, tmp_path: Path
) -> None:
    wanted = tmp_path / "wanted.toml"
    wanted.write_text(
        '[[expectation]]\nname = "x"\nkind = "minimum functionality"\nexpect = "negtive"\n'
        'texts = ["y"]\n',
        encoding="utf-8",
    )
    done = run_here("finance_monitor", "stress", "--expectations", wanted, "--store", release)
    assert done.returncode == 2
    assert "Did you mean negative?" in done.stderr
