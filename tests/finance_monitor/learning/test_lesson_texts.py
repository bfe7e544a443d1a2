"""A lesson is known by its text, whatever `point_at` made of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from command_line import run_here
from monitor_serving import copy_release
from test_monitor_learn import add, said

from apps.finance_monitor.data import Example
from apps.finance_monitor.learning.comparison import _texts_of
from apps.finance_monitor.learning.corrections import split_known
from apps.finance_monitor.learning.lessons import Lessons, among, load_lessons, save_lessons
from common.learning.purging import purged
from common.learning.sources import hashed
from common.releases.registry import Registry

TEXT = "The shipyard {sic} halts all work"
READ = "The shipyard (sic) halts all work"
GIVEN = Example("{Alba} " + READ, target="negative")
NAMED = Example("{Alba} sails", target="positive")


@pytest.mark.parametrize("other", [Example(TEXT), Example(READ), Example("Alba " + READ), GIVEN])
def test_a_name_in_front_is_of_the_text_or_was_put_there(other: Example) -> None:
    assert among([GIVEN])(other)
    assert among([other])(GIVEN)


def test_texts_that_differ_in_the_name_alone_are_two() -> None:
    assert not among([NAMED])(Example("{Borel} sails", target="positive"))
    assert not among([NAMED])(Example("Borel sails"))


def test_what_is_measured_is_not_learned_of_a_company_that_it_does_not_name() -> None:
    lessons = Lessons([GIVEN, NAMED], [], []).measured_on([Example(TEXT, "negative")])
    assert lessons.train == [NAMED]
    held_out = Lessons([], [GIVEN], [])
    row = said(TEXT, sentiment="negative")
    found = split_known([row], held_out, [], has_sentiment=True, has_targets=True)
    assert [one.reason for one in found[2]] == ["candidates are measured on this text"]


def test_a_text_is_known_whether_it_has_a_ticker_or_the_name_that_is_read_for_it() -> None:
    tickers = {"ALB": "Alba"}
    row = said("$ALB sails", sentiment="negative")
    known: dict[str, Any] = {"has_sentiment": True, "has_targets": False, "tickers": tickers}
    for text in ("Alba sails", "$ALB sails"):
        lessons = Lessons([], [Example(text, "positive")], []).spelled(tickers)
        found = split_known([row], lessons, [], **known)
        assert [one.reason for one in found[2]] == ["candidates are measured on this text"]
        lessons = Lessons([Example(text, "negative")], [], []).spelled(tickers)
        assert split_known([row], lessons, [], **known)[1] == [row.id]


def test_what_is_new_goes_before_what_the_same_text_taught_in_other_spelling() -> None:
    about = Example("{Alba} buys Borel", target="positive")
    known = Lessons([Example("Alba sails", "negative", ("sea",)), about], [], [])
    again = Example("ALBA sails!", "positive", ("ships",))
    assert known.with_examples([again]).train == [about, again]
    half = Example("Alba  sails", topics=("ships",))
    assert known.with_examples([half]).train == [Example("Alba sails", "negative"), about, half]
    other = Example("Alba buys {Borel}", target="negative")
    assert known.with_examples([other]).train == [*known.train, other]


def test_a_purge_finds_a_text_whose_ticker_is_read_as_a_name(
    release_of_companies: Path, tmp_path: Path
) -> None:
    store = copy_release(release_of_companies, tmp_path / "var")
    registry = Registry(store, "finance_monitor")
    release = registry.open()
    model = release.directory / "model.json"
    model.write_text(json.dumps({**json.loads(model.read_text()), "tickers": {"ALB": "Alba"}}))
    spelled = Example("Alba halts all work", "negative")
    later = Example("$ALB halts all work at sea", "negative")
    save_lessons(release.directory, Lessons([spelled, later], [], []))
    done = run_here("finance_monitor", "feedback", "purge", "--text", "$ALB halts all",
                    "--store", store, "--json")  # fmt: skip
    assert json.loads(done.stdout)["releases"] == [release.release_id]
    assert load_lessons(release).without(purged(registry)).train == []


def test_the_examples_of_a_text_are_held_out_together() -> None:
    borel = Example("{Borel} " + READ, target="neutral")
    elsewhere = Example("Alba sails {Cinder}", target="neutral")
    first, second, whole = _texts_of([GIVEN, borel, Example(TEXT, "negative")])
    assert first == second == whole == READ
    assert _texts_of([NAMED, Example("Alba sails", "positive")]) == ["Alba sails"] * 2
    assert len({*_texts_of([NAMED, elsewhere])}) == 2


@pytest.mark.parametrize("by", ["--subject", "--text"])
def test_what_was_learned_of_a_company_that_the_text_does_not_name_is_purged(
    release_of_companies: Path, tmp_path: Path, by: str
) -> None:
    store = copy_release(release_of_companies, tmp_path / "var")
    registry = Registry(store, "finance_monitor")
    release = registry.open()
    held = load_lessons(release)
    save_lessons(release.directory, Lessons([*held.train, GIVEN], held.validation, held.test))
    subject = hashed(store / "finance_monitor", "customer 7")
    row = said(TEXT, entity="Alba", target="negative").model_copy(update={"subject": subject})
    add(store, [row])
    asked = "customer 7" if by == "--subject" else TEXT
    done = run_here("finance_monitor", "feedback", "purge", by, asked,
                    "--store", store, "--json")  # fmt: skip
    assert json.loads(done.stdout)["releases"] == [release.release_id]
    left = load_lessons(release).without(purged(registry))
    assert GIVEN not in left.train
    assert left.train == held.train
