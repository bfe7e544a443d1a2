"""What somebody said of one company of a story is learned, and purged, as what they said of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from command_line import run_here
from monitor_serving import copy_release
from test_monitor_learn import add, learn, said

from apps.finance_monitor.learning.cli import LABELS
from apps.finance_monitor.learning.corrections import about, claim
from apps.finance_monitor.learning.lessons import load_lessons
from common.learning.review import review
from common.releases.registry import Registry

TEXT = "Hobart recalls its drug while Ingram wins its patients"


@pytest.fixture
def store(release_of_companies: Path, tmp_path: Path) -> Path:
    return copy_release(release_of_companies, tmp_path / "var")


def of(company: str, target: str, **more: Any) -> dict[str, Any]:
    return {"entity": company, "target": target, **more}


def test_two_companies_of_a_text_contradict_each_other_in_nothing(store: Path) -> None:
    add(store, [said(TEXT, **of("Hobart", "negative", mentions="Hobart|its")),
                said(TEXT, **of("Ingram", "positive")), said(TEXT, sentiment="neutral"),
                said("Keller sails", **of("Keller", "meh"))])  # fmt: skip
    code, learned = learn(store)
    assert code in {0, 3}
    assert learned["corrections"]["taken"] == 3
    assert [one["reason"] for one in learned["left_out"]] == ["there is no sentiment 'meh'"]
    made = Registry(store, "finance_monitor").open(learned["release_id"])
    taught = {(one.text, one.sentiment, one.target) for one in load_lessons(made).train}
    assert {
        ("{Hobart} recalls {its} drug while Ingram wins {its} patients", None, "negative"),
        ("Hobart recalls its drug while {Ingram} wins its patients", None, "positive"),
        (TEXT, "neutral", None),
    } <= taught

    done = run_here("finance_monitor", "feedback", "purge", "--text", "recalls its drug",
                    "--store", store, "--json")  # fmt: skip
    assert json.loads(done.stdout)["releases"] == [learned["release_id"]]
    _, after = learn(store)
    assert all("Hobart" not in text for text in _texts(store, after))


def _texts(store: Path, learned: dict[str, Any]) -> set[str]:
    """Of the release that was made; where none was, of the one that serves."""
    registry = Registry(store, "finance_monitor")
    return load_lessons(registry.open(learned["release_id"])).texts


def test_a_text_that_was_learned_is_purged_wherever_its_companies_are_marked(store: Path) -> None:
    held = load_lessons(Registry(store, "finance_monitor").open()).texts
    text = next(iter(sorted(held)))
    done = run_here("finance_monitor", "feedback", "purge", "--text", text,
                    "--store", store, "--json")  # fmt: skip
    assert json.loads(done.stdout)["releases"]
    _, learned = learn(store)
    assert text not in _texts(store, learned)


def test_corrections_of_companies_go_out_and_come_back_in_a_table(
    store: Path, tmp_path: Path
) -> None:
    wanted = of("Hobart", "negative", mentions="Hobart|its")
    add(store, [said(TEXT, **wanted)])
    table = tmp_path / "corrections.csv"
    for verb in ("export", "import"):
        done = run_here("finance_monitor", "feedback", verb, table, "--store", store)
        assert done.returncode == 0, done.stderr
    done = run_here("finance_monitor", "feedback", "list", "--store", store, "--json")
    rows = json.loads(done.stdout)["feedback"]
    assert [{name: row[name] for name in wanted} for row in rows] == [wanted, wanted]


def test_a_row_of_a_table_may_correct_the_text_and_a_company(store: Path, tmp_path: Path) -> None:
    table = tmp_path / "corrections.csv"
    table.write_text(
        f"text,sentiment,topics,entity,target\n{TEXT},neutral,credit|deals,Hobart,negative\n",
        encoding="utf-8",
    )
    done = run_here("finance_monitor", "feedback", "import", table, "--store", store)
    assert done.returncode == 0, done.stderr
    assert "2 corrections added" in done.stderr
    done = run_here("finance_monitor", "feedback", "list", "--store", store, "--json")
    rows = json.loads(done.stdout)["feedback"]
    assert sorted(sorted({*LABELS} & {*row}) for row in rows) == [
        ["entity", "target"],
        ["sentiment", "topics"],
    ]


@pytest.mark.parametrize(
    ("columns", "values", "missing"),
    [("entity,sentiment", "Hobart,negative", "entity without target"),
     ("target", "negative", "target without entity")],
)  # fmt: skip
def test_half_of_what_is_said_of_a_company_is_refused(
    store: Path, tmp_path: Path, columns: str, values: str, missing: str
) -> None:
    table = tmp_path / "corrections.csv"
    table.write_text(f"text,{columns}\n{TEXT},{values}\n", encoding="utf-8")
    done = run_here("finance_monitor", "feedback", "import", table, "--store", store)
    assert done.returncode == 2
    assert missing in done.stderr
    assert "corrections.csv" in done.stderr


def test_what_a_text_calls_a_company_contradicts_nothing() -> None:
    rows = [
        said(TEXT, "desk", **of("Hobart", "negative")),
        said(TEXT, "desk", **of("Hobart", "利空", mentions="Hobart|its")),
        said(TEXT, "fund", topics="credit|deals"),
        said(TEXT, "desk", topics=["deals", "credit"]),
    ]
    found = review(rows, [len(TEXT)], about=about, claim=claim)
    assert found.left_out == []
    assert [one.wanted for one in found.taken] == [rows[1].wanted, rows[2].wanted]
    assert [len(one.feedback_ids) for one in found.taken] == [2, 2]
    other = said(TEXT, "fund", **of("Hobart", "positive"))
    assert review([*rows[:2], other], [], about=about, claim=claim).taken == []


def test_a_release_without_companies_leaves_them_out(release: Path, tmp_path: Path) -> None:
    store = copy_release(release, tmp_path / "other")
    add(store, [said(TEXT, **of("Hobart", "negative"))])
    _, learned = learn(store)
    assert learned["release_id"] is None
    assert "judges no companies" in learned["left_out"][0]["reason"]
