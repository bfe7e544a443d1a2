"""What a business expects: read from its files, put to a release, held to by the gate."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from common.errors import RefusedError, UserError
from common.evaluation.stress.expectations.checking import Decided, check, compare_checked
from common.evaluation.stress.expectations.expectation import Case, Expectations
from common.evaluation.stress.expectations.reading import check_known, read_expectations
from common.releases import gate

SAMPLES = Path(__file__).parents[5] / "data_samples"
FILE = """
max_more_failures = 0.1

[lists]
city = ["Leeds", "Lagos", "Bonn"]

[[expectation]]
name = "another city"
kind = "invariance"
texts = ["a plant in {city}", ["good in {city}", "well, good in {city}"]]

[[expectation]]
name = "denied"
kind = "direction"
label = "bad"
moves = "up"
by = 0.2
texts = [["good in {city}", "not good in {city}"]]

[[expectation]]
name = "plain"
kind = "minimum functionality"
expect = "bad"
texts = ["awful", "good"]
"""


def read(tmp_path: Path, text: str, name: str = "wanted.toml") -> Expectations:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return read_expectations([path], ("mood", "topic"))


def decide(texts: Sequence[str]) -> list[Decided]:
    """Goes by `good` alone, but for Lagos, of which it thinks ill."""
    found = []
    for text in texts:
        bad = 0.9 if "Lagos" in text else 0.4 if "not good" in text else 0.1
        mood = "good" if "good" in text and bad < 0.5 else "bad"
        found.append(Decided({"mood": mood, "topic": None}, {"bad": bad}))
    return found


def test_slots_are_filled_one_at_a_time_or_alike_in_all_texts_of_a_case(tmp_path: Path) -> None:
    found = read(tmp_path, FILE)
    assert found.max_more_failures == 0.1
    assert [case.texts for case in found.cases if case.kind == "invariance"] == [
        ("a plant in Leeds", "a plant in Lagos"),
        ("a plant in Leeds", "a plant in Bonn"),
        ("good in Leeds", "well, good in Leeds"),
        ("good in Lagos", "well, good in Lagos"),
        ("good in Bonn", "well, good in Bonn"),
    ]
    assert {case.of for case in found.cases} == {"mood"}


def test_each_kind_fails_where_it_is_not_met(tmp_path: Path) -> None:
    checked = check(read(tmp_path, FILE), decide)
    assert checked.summary() == {
        "invariance": {"cases": 5, "failed": 0},
        "direction": {"cases": 3, "failed": 1},
        "minimum functionality": {"cases": 2, "failed": 1},
    }
    denied, plain = checked.failures
    assert denied.case.texts == ("good in Lagos", "not good in Lagos")
    assert denied.said == ("bad 0.900", "bad 0.900")
    assert (plain.case.texts, plain.said) == (("good",), ("good",))
    unequal = Case(name="x", kind="invariance", of="mood", texts=("good", "good in Lagos"))
    assert check(Expectations(cases=(unequal,)), decide).failures[0].said == ("good", "bad")


@pytest.mark.parametrize(
    ("moves", "by", "is_met"),
    [
        *(("up", 0.2, True), ("up", 0.4, False), ("down", 0.0, False), ("other", 0.0, False)),
        *(("not up", 0.4, True), ("not up", 0.2, False), ("not down", 0.0, True)),
    ],
)
def test_a_direction_says_which_way_and_how_far(moves: str, by: float, is_met: bool) -> None:
    label = None if moves == "other" else "bad"
    values = {"name": "x", "kind": "direction", "of": "mood", "label": label, "moves": moves}
    case = Case(**values, by=by, texts=("good", "not good"))
    assert check(Expectations(cases=(case,)), decide).cases[0].is_met is is_met


def test_what_is_not_decided_at_all_is_not_met() -> None:
    case = Case(name="x", kind="invariance", of="topic", texts=("good", "well, good"))
    (found,) = check(Expectations(cases=(case,)), decide).cases
    assert (found.is_met, found.said) == (False, ("–", "–"))


def test_a_table_is_read_as_well(tmp_path: Path) -> None:
    table = (
        "name,kind,text,other,expect,label,moves,by\n"
        "polite,invariance,good,please good,,,,\n"
        "denied,direction,good,not good,,bad,up,0.1\n"
        "plain,minimum functionality,awful,,bad,,,\n"
    )
    found = read(tmp_path, table, "wanted.csv")
    assert [case.texts for case in found.cases] == [
        ("good", "please good"),
        ("good", "not good"),
        ("awful",),
    ]
    assert not check(found, decide).failures


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("{city}", "{town}", "wanted.toml:10: expectation 'another city': there is no list 'town'"),
        ('moves = "up"', "", "'denied': direction needs 'moves'"),
        ('moves = "up"', 'moves = "upp"', "wanted.toml:16: expectation 'denied': moves:"),
        ('expect = "bad"', 'expects = "bad"', "Did you mean expect?"),
        ('expect = "bad"', 'expect = "bad"\nmoves = "other"', "'moves' is of no use to minimum"),
        ('"awful", "good"', "", "texts: Tuple should have at least 1 item"),
        ('texts = ["a plant in {city}"', 'texts = ["a plant"', "nothing in 'a plant' may change"),
        ('"Leeds", "Lagos", "Bonn"', '"Leeds"', "list 'city' has fewer than two words"),
        ("max_more_failures = 0.1", "max_more = 0.1", "Did you mean max_more_failures?"),
        ('name = "plain"', 'name = "plain"\nof = "moods"', "nothing called 'moods' is decided"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, old: str, new: str, told: str) -> None:
    with pytest.raises(UserError, match=re.escape(told)):
        read(tmp_path, FILE.replace(old, new))


def test_what_is_never_decided_is_a_slip_of_the_pen(tmp_path: Path) -> None:
    found = read(tmp_path, FILE)
    check_known(found, {"mood": ["good", "bad"]}, ["bad"])
    with pytest.raises(UserError, match="'bad' is never decided"):
        check_known(found, {"mood": ["good", "bald"]}, ["bad"])
    with pytest.raises(UserError, match="'bad' is never decided"):
        check_known(found, {"mood": None}, ["good"])


def test_the_gate_holds_each_kind_to_the_margin_by_itself(tmp_path: Path) -> None:
    expectations = read(tmp_path, FILE)
    serving = check(expectations, decide)

    def worse(texts: Sequence[str]) -> list[Decided]:
        return [Decided({"mood": "bad"}, {"bad": 0.1}) for _ in texts]

    found = compare_checked(serving, check(expectations, worse))
    told = r"direction \(1 → 3 of 3 fail\), and it may fail 10.0% more of a kind"
    with pytest.raises(RefusedError, match=told):
        gate.check_expectations(found, expectations.max_more_failures)
    gate.check_expectations(found, 2 / 3)
    gate.check_expectations(compare_checked(serving, serving), 0.0)


@pytest.mark.parametrize(
    ("application", "decisions"),
    [("finance_monitor", ("sentiment",)), ("customer_service", ("answer",))],
)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_those_of_the_sample_data_are_read(
    application: str, decisions: Sequence[str], language: str
) -> None:
    found = read_expectations([SAMPLES / application / f"expectations.{language}.toml"], decisions)
    assert {case.kind for case in found.cases} == {
        "invariance",
        "direction",
        "minimum functionality",
    }
    assert not any("{" in text for case in found.cases for text in case.texts)
