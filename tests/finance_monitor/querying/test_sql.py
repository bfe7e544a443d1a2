"""Questions in SQL: what may be read, and that nothing else happens."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import run_here
from news import story, towards
from receiving import an_alert

from apps.finance_monitor.querying import asking
from apps.finance_monitor.querying.asking import ask
from apps.finance_monitor.schema import TargetScore
from apps.finance_monitor.state.opening import store_path
from apps.finance_monitor.store import Store
from common.errors import UserError

ENDLESS = "SELECT 1 UNION ALL SELECT i + 1 FROM n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """With a monitor that is at work."""
    made = tmp_path_factory.mktemp("sql") / "var"
    store = Store(store_path(made / "finance_monitor"))
    stories = [
        story("a", 1, entities=("Alba", "Borel"), topics=("credit", "deals"), text="=1+1"),
        story("b", 2, "positive", topics=(), text="Borel wins an order", duplicate_of="a"),
    ]
    stories[0].targets = [*towards(Alba="negative"), TargetScore(entity="Borel")]
    with store.transaction() as database:
        store.add_stories(((n, one, None) for n, one in enumerate(stories)), [])
        store.write_alert(an_alert(), None)
        database.execute(
            "INSERT INTO outbox (idempotency_key, sink, body) VALUES ('k', 'mailto://secret', '{}')"
        )
    yield made
    store.close()


@pytest.fixture
def path(folder: Path) -> Path:
    return store_path(folder / "finance_monitor")


def test_stories_alerts_and_trends_are_tables(path: Path) -> None:
    found = ask(path, "SELECT id, published_at, sentiment, topics, companies FROM stories")
    assert found.rows == [
        ("a", "2026-03-02T01:00:00Z", "negative", "credit|deals", "Alba|Borel"),
        ("b", "2026-03-02T02:00:00Z", "positive", None, None),
    ]
    found = ask(path, "SELECT id, company, sentiment, negative FROM targets")
    assert found.rows == [("a", "Alba", "negative", 0.9), ("a", "Borel", None, None)]
    assert ask(path, "select severity, observed from alerts").rows == [("warning", 12)]
    assert ask(path, "SELECT count(*) FROM trends").rows == [(0,)]
    twice = "WITH t AS (SELECT copy_of c FROM stories) SELECT s.id, s.id FROM t JOIN stories s"
    assert ask(path, f"{twice} ON c = s.id").columns == ["id", "id_2"]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("DELETE FROM stories", "nothing is written"),
        ("INSERT INTO alerts (id) VALUES ('x')", "nothing is written"),
        ("UPDATE main.alerts SET status = 'resolved'", "nothing is written"),
        ("DROP TABLE main.stories", "nothing is written"),
        ("CREATE TEMP TABLE x (y)", "nothing is written"),
        ("ATTACH '/tmp/x.sqlite' AS x", "nothing is written"),
        ("PRAGMA user_version = 9", "nothing is written"),
        ("SELECT sink FROM outbox", "only stories, targets, alerts, trends may be read"),
        ("SELECT content FROM state", "only stories, targets, alerts, trends may be read"),
        ("SELECT load_extension('x')", "not authorized"),
        ("SELECT 1; SELECT 2", "one statement"),
        ("SELECT label FROM stories", "stories: id, published_at"),
        ("SELECT * FROM news", "The tables are stories, targets, alerts, trends."),
        ("", "no query"),
        ("WITH stories AS (SELECT sink FROM outbox) SELECT * FROM stories", "may be read"),
        (f"WITH RECURSIVE n(i) AS ({ENDLESS}) SELECT max(i) FROM n", "takes longer"),
    ],
)  # fmt: skip
def test_what_is_refused_is_told(
    path: Path, query: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "LONGEST_SECONDS", 0.5)
    before = path.read_bytes()
    with pytest.raises(UserError) as caught:
        ask(path, query)
    assert said in str(caught.value)
    assert path.read_bytes() == before


def test_the_command_line_shows_a_table_or_writes_one(folder: Path, tmp_path: Path) -> None:
    query = "select id, headline from stories order by id"
    shown = run_here("finance_monitor", "sql", query, "--store", folder)
    assert shown.returncode == 0, shown.stderr
    assert "Borel wins an order" in shown.stdout
    out = tmp_path / "stories.csv"
    done = run_here("finance_monitor", "sql", query, "--store", folder, "--out", out, "--json")
    assert json.loads(done.stdout)["rows"][1] == ["b", "Borel wins an order"]
    with out.open(encoding="utf-8-sig", newline="") as file:
        # What a spreadsheet would take for a formula stays text.
        assert next(csv.DictReader(file))["headline"] == "'=1+1"
    wrong = run_here("finance_monitor", "sql", "select x from stories", "--store", folder)
    assert wrong.returncode == 2
