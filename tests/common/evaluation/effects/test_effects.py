"""The effect of an action: right where it is known, refused where nothing can be told."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from apps.start.cli import app
from benchmarks.effects import linear
from common.errors import RefusedError, UserError
from common.evaluation.effects.decisions import Decisions, read_decisions
from common.evaluation.effects.estimating import Estimate, Interval, estimate
from common.evaluation.effects.graph import CausalGraph, read_graph
from common.evaluation.effects.overlap import check_units
from common.evaluation.effects.refuting import e_value, hidden_cause, refute

SAMPLES = Path(__file__).parents[4] / "data_samples" / "effects"
SPLINES = ("splines",)
WORLDS = 12


def test_the_interval_holds_the_known_effect_and_the_plain_difference_does_not() -> None:
    held = plain = 0
    for seed in range(WORLDS):
        world = linear(np.random.default_rng(seed), 300)
        found = estimate(world.decisions, learners=SPLINES, seed=seed)
        held += found.effect.low <= world.effect <= found.effect.high
        plain += found.naive.low <= world.effect <= found.naive.high
    assert held >= 10
    assert plain <= 2


def test_what_is_told_four_times_of_a_customer_counts_once() -> None:
    once = linear(np.random.default_rng(0), 300).decisions
    errors = []
    for times in (1, 4):
        rows = np.repeat(np.arange(300), times)
        nothing = np.empty((len(rows), 0))
        found = estimate(Decisions(once.treated[rows], once.outcome[rows], nothing, (), (), rows))
        parts = (found.effect, found.with_action, found.without, found.naive)
        errors.append([part.error for part in parts])
    assert errors[1] == pytest.approx(errors[0], rel=0.01)


def _of_customers(random: np.random.Generator, customers: int, each: int) -> Decisions:
    """Who is sent the action is sent it always, and has something of its own no column tells."""
    unit = np.repeat(np.arange(customers), each)
    known, own = random.normal(size=(2, customers))
    treated = (random.random(customers) < 1 / (1 + np.exp(-0.7 * known))).astype(float)
    outcome = known + 0.3 * treated + own
    causes = known[unit][:, None]
    noise = random.normal(size=len(unit))
    return Decisions(treated[unit], outcome[unit] + noise, causes, ("x",), (True,), unit)


def test_with_forty_customers_on_each_side_the_interval_holds_the_effect() -> None:
    held = 0
    for seed in range(WORLDS):
        decisions = _of_customers(np.random.default_rng(seed), 80, 6)
        effect = estimate(decisions, learners=SPLINES, seed=seed).effect
        held += effect.low <= 0.3 <= effect.high
    assert held >= 10


def test_few_customers_are_too_few_however_many_rows_they_have() -> None:
    few = _of_customers(np.random.default_rng(0), 40, 50)
    with pytest.raises(RefusedError, match=r"of \d+ units, fewer than 30"):
        check_units(few)
    # The interval is wider than a normal one by what so few units leave open.
    mixed = replace(few, treated=(np.arange(len(few)) % 2).astype(float))
    assert estimate(mixed, learners=SPLINES).effect.reach == pytest.approx(2.023, abs=0.001)


def test_few_decisions_of_nobody_in_particular_are_told_to_be_few() -> None:
    random = np.random.default_rng(0)
    treated = (np.arange(600) < 25).astype(float)
    few = Decisions(treated, random.normal(size=600), np.empty((600, 0)), (), (), np.arange(600))
    with pytest.raises(RefusedError, match=r"^25 decisions with the action, fewer than 30") as told:
        check_units(few)
    assert "unit" not in f"{told.value} {told.value.hint}"


def test_a_placebo_may_happen_to_fewer_units_than_the_action_did() -> None:
    """A few with many rows each were left untreated; the lot falls mostly on them."""
    random = np.random.default_rng(0)
    unit = np.concatenate([np.arange(200), np.repeat(np.arange(200, 210), 150)])
    treated = (np.arange(len(unit)) < 100).astype(float)
    nothing = np.empty((len(unit), 0))
    log = Decisions(treated, random.normal(size=len(unit)), nothing, (), (), unit)
    check_units(log)
    found = estimate(log, learners=SPLINES)
    lot = replace(log, treated=random.permutation(treated))
    with pytest.raises(RefusedError):
        check_units(lot)
    assert len(refute(log, found, learners=SPLINES)) == 2


def test_nothing_is_told_of_those_who_were_all_treated_alike() -> None:
    random = np.random.default_rng(0)
    is_north = random.random(600) < 0.3
    treated = np.where(is_north, 1.0, random.random(600) < 0.5)
    north = Decisions(
        treated,
        random.normal(size=600),
        is_north[:, None].astype(float),
        ("region=north",),
        (False,),
        np.arange(600),
    )
    with pytest.raises(RefusedError, match=r"nothing to compare them with \(most of region=north"):
        estimate(north, learners=SPLINES)
    rare = replace(north, treated=(np.arange(600) < 30).astype(float), causes=np.empty((600, 0)))
    with pytest.raises(RefusedError, match="30 decisions with the action 30 count effectively"):
        estimate(replace(rare, names=(), is_number=()), learners=SPLINES)


def test_an_effect_that_stays_where_the_action_is_dealt_out_by_lot_is_refuted() -> None:
    decisions = linear(np.random.default_rng(1), 300).decisions
    found = estimate(decisions, learners=SPLINES)
    assert all(one.held for one in refute(decisions, found, learners=SPLINES))
    # As if the noise had moved it by far.
    wrong = replace(found, effect=Interval(found.effect.value + 1, found.effect.error))
    lot, noise = refute(decisions, wrong, learners=SPLINES)
    assert lot.held
    assert not noise.held


def test_how_strong_a_hidden_cause_would_have_to_be() -> None:
    # VanderWeele & Ding 2017: a risk ratio of 3.9 with a limit of 1.8 has 7.26 and 3.0.
    assert e_value(3.9) == pytest.approx(7.26, abs=0.01)
    assert e_value(1.0) == 1.0
    decisions = linear(np.random.default_rng(1), 300).decisions
    found = estimate(decisions, learners=SPLINES)
    assert hidden_cause(decisions, found).is_approximate
    low, value = math.log(1.8), math.log(3.9)
    told = replace(found, log_ratio=Interval(value, (value - low) / 1.959964))
    hidden = hidden_cause(decisions, told)
    assert hidden.of_interval == pytest.approx(3.0, abs=0.01)
    assert hidden_cause(decisions, replace(told, log_ratio=Interval(-0.1, 1.0))).of_interval == 1


def graph_of(tmp_path: Path, *more: str) -> CausalGraph:
    path = tmp_path / "graph.toml"
    lines = ('treatment = "t"', 'outcome = "y"', 'edges = ["x -> t -> y", "x -> y"]', *more)
    path.write_text("\n".join(lines), encoding="utf-8")
    return read_graph(path)


def table(tmp_path: Path, header: str, rows: list[str]) -> Path:
    path = tmp_path / "decisions.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def test_numbers_words_and_what_is_missing_are_read(tmp_path: Path) -> None:
    words = ["Bonn", "Lagos", "", "rare"]
    rows = [f"{'new' if n % 2 else 'old'},{n % 3},{words[min(n % 7, 2)]}" for n in range(300)]
    rows[0] = "old,0,rare"
    path = table(tmp_path, "release,y,city", rows)
    question = graph_of(tmp_path, 'treated = "New"', "[columns]", 't = "release"', 'x = "city"')
    found = read_decisions(path, question, ["x"])
    assert found.treated.tolist()[:4] == [0, 1, 0, 1]
    assert found.names == ("x=(others)", "x=Bonn", "x=Lagos")
    assert found.causes.sum(axis=0).tolist()[0] == 1
    assert not found.is_binary
    rows = [f"{n % 2},{n % 4 // 2},{n if n % 5 else ''}" for n in range(300)]
    numbers = read_decisions(table(tmp_path, "t,y,x", rows), graph_of(tmp_path), ["x"])
    assert numbers.names == ("x", "x missing")
    assert numbers.is_binary
    assert numbers.causes[:, 0].mean() == pytest.approx(0, abs=1e-9)
    assert numbers.causes[:, 1].sum() == 60


@pytest.mark.parametrize(
    ("header", "row", "told"),
    [
        ("t,y", "maybe,1", "decisions.csv:301: t is 'maybe': neither yes nor no"),
        ("t,y", ",1", "decisions.csv:301: t is empty"),
        ("t,y", "1,nan", "decisions.csv:301: y is 'nan': no number"),
        ("treated,y", "1,1", "there is no column 't'"),
    ],
)
def test_a_row_that_is_no_decision_is_told(
    tmp_path: Path, header: str, row: str, told: str
) -> None:
    path = table(tmp_path, header, [*(f"{n % 2},{n % 3}" for n in range(299)), row])
    with pytest.raises(UserError, match=told):
        read_decisions(path, graph_of(tmp_path), [])


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("1,{n}", "every decision has t"),
        ("{m},3", "y is 3 in every row"),
    ],
)
def test_a_table_that_compares_nothing_is_told(tmp_path: Path, row: str, told: str) -> None:
    path = table(tmp_path, "t,y", [row.format(n=n, m=n % 2) for n in range(300)])
    with pytest.raises(UserError, match=told):
        read_decisions(path, graph_of(tmp_path), [])


@pytest.mark.parametrize("odd", ["n/a", "inf", "1,234"])
def test_what_is_no_number_among_numbers_does_not_make_them_one_level(
    tmp_path: Path, odd: str
) -> None:
    """The confounder would be taken for adjusted for, and next to nothing of it would be."""
    rows = [f'{n % 2},{n % 3},"{odd if n % 10 == 9 else n / 7}"' for n in range(300)]
    path = table(tmp_path, "t,y,x", rows)
    with pytest.raises(UserError, match="among numbers") as told:
        read_decisions(path, graph_of(tmp_path), ["x"])
    assert str(told.value.where).endswith("decisions.csv:11")


def test_a_decision_of_nobody_is_refused_with_its_place(tmp_path: Path) -> None:
    rows = [f"{n % 2},{n % 3},c{n % 90}" for n in range(299)]
    path = table(tmp_path, "t,y,customer", [*rows, "1,1, "])
    with pytest.raises(UserError, match=r"customer is empty") as told:
        read_decisions(path, graph_of(tmp_path, 'unit = "customer"'), [])
    assert str(told.value.where).endswith("decisions.csv:301")


def test_the_sample_promotion_is_told_on_the_command_line(tmp_path: Path) -> None:
    log, graph = SAMPLES / "promotions.csv", SAMPLES / "promotions.toml"
    done = CliRunner().invoke(app, ["effect", str(log), "--graph", str(graph), "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["adjusted_for"] == ["region", "spent", "visits"]
    # 0.092 by its simulation; the plain difference is 0.212.
    assert found["effect"]["low"] < 0.092 < found["effect"]["high"] < found["unadjusted"]["value"]
    assert found["verdict"].startswith("If the graph is right, promotion raised bought by")
    hidden = tmp_path / "hidden.toml"
    text = 'unmeasured = ["spent"]\n' + graph.read_text(encoding="utf-8")
    hidden.write_text(text, encoding="utf-8")
    refused = CliRunner().invoke(app, ["effect", str(log), "--graph", str(hidden)])
    assert isinstance(refused.exception, RefusedError)
    assert "promotion <- spent -> bought stays open" in str(refused.exception)


@pytest.mark.parametrize("seed", ["-1", "20261201123000"])
def test_a_seed_that_nothing_can_draw_by_is_told(tmp_path: Path, seed: str) -> None:
    path = table(tmp_path, "t,y,x", [f"{n % 2},{n % 3},{n % 5}" for n in range(300)])
    graph_of(tmp_path)
    asked = ["effect", str(path), "--graph", str(tmp_path / "graph.toml"), "--seed", seed]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 2
    assert "--seed" in done.output


def test_an_estimate_is_right_where_either_model_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Doubly robust: with outcomes told by nothing but their mean, the propensity makes up."""
    world = linear(np.random.default_rng(3), 2000)
    from common.evaluation.effects import estimating

    plain = {value: np.full(2000, 0.0) for value in (0, 1)}
    monkeypatch.setattr(estimating, "_outcomes", lambda *_: (plain, "nothing"))
    found: Estimate = estimate(world.decisions, learners=SPLINES)
    assert abs(found.effect.value - world.effect) < 0.3
    assert abs(found.naive.value - world.effect) > 0.5


def test_what_is_missing_as_data_frames_write_it_is_missing(tmp_path: Path) -> None:
    rows = [f"{n % 2},{n % 3 % 2},{'NaN' if n % 9 == 0 else n}" for n in range(240)]
    found = read_decisions(table(tmp_path, "t,y,x", rows), graph_of(tmp_path), ["x"])
    assert found.names == ("x", "x missing")
