"""Questions in SQL: what may be read, and that nothing else happens."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import databases
import psycopg
import pytest
from command_line import run_here
from news import story, towards
from receiving import an_alert

from apps.finance_monitor.querying import asking
from apps.finance_monitor.querying.asking import ask
from apps.finance_monitor.schema import TargetScore
from apps.finance_monitor.state.opening import Place, store_path
from apps.finance_monitor.store import Store
from common.errors import UserError

# As somebody may have made one.
SINKS = """
CREATE FUNCTION public.sinks() RETURNS text IMMUTABLE PARALLEL SAFE LANGUAGE plpgsql
    AS 'BEGIN RETURN (SELECT max(sink) FROM finance_monitor.outbox); END'
"""
ENDLESS = "SELECT 1 UNION ALL SELECT i + 1 FROM n"
ASKED = "only stories, targets, alerts, trends may be read"


@dataclass(frozen=True)
class Kept:
    """A monitor at work: its store, its place, and how the command line names that."""

    store: Path
    place: Place
    named: tuple[object, ...]

    @property
    def is_file(self) -> bool:
        return isinstance(self.place, Path)


@pytest.fixture(scope="module", params=databases.KINDS)
def kept(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Kept]:
    folder = tmp_path_factory.mktemp("sql") / "var"
    with ExitStack() as stack:
        place: Place = store_path(folder / "finance_monitor")
        named: tuple[object, ...] = ("--store", folder)
        if request.param == "postgresql":
            place = stack.enter_context(databases.postgresql())
            with psycopg.connect(place, autocommit=True) as database:
                database.execute(SINKS)
            named = (*named, "--database", place)
        stack.callback(_fill(place).close)
        yield Kept(folder, place, named)


def _fill(place: Place) -> Store:
    store = Store(place)
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
    return store


def test_stories_alerts_and_trends_are_tables(kept: Kept) -> None:
    path = kept.place
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
    assert ask(path, "SELECT sum(length(id)) FROM stories WHERE id LIKE '%a%'").rows == [(1,)]
    assert len(ask(path, "SELECT id FROM stories", 1).rows) == 1
    endless = "'inf'::float8" if isinstance(path, str) else "9e999"
    assert ask(path, f"SELECT {endless}, -({endless}), 1.5").rows == [(None, None, 1.5)]
    assert ask(path, "SELECT 1 AS one ORDER BY random() -- one;\n;").rows == [(1,)]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("DELETE FROM stories", "nothing is written"),
        ("SELECT sink FROM outbox", ASKED),
        ("SELECT content FROM state", ASKED),
        ("SELECT label FROM stories", "stories: id, published_at"),
        ("SELECT * FROM news", "The tables are stories, targets, alerts, trends."),
        ("WITH stories AS (SELECT sink FROM outbox) SELECT * FROM stories", "may be read"),
        (f"WITH RECURSIVE n(i) AS ({ENDLESS}) SELECT max(i) FROM n", "takes longer"),
    ],
)  # fmt: skip
def test_what_is_refused_is_told(
    kept: Kept, query: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _refused(kept, query, said, monkeypatch)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("INSERT INTO alerts (id) VALUES ('x')", "nothing is written"),
        ("UPDATE main.alerts SET status = 'resolved'", "nothing is written"),
        ("DROP TABLE main.stories", "nothing is written"),
        ("CREATE TEMP TABLE x (y)", "nothing is written"),
        ("ATTACH '/tmp/x.sqlite' AS x", "nothing is written"),
        ("PRAGMA user_version = 9", "nothing is written"),
        ("SELECT load_extension('x')", "not authorized"),
        ("SELECT 1; SELECT 2", "one statement"),
        ("", "no query"),
    ],
)  # fmt: skip
def test_a_file_is_only_read(
    kept: Kept, query: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kept.is_file:
        _refused(kept, query, said, monkeypatch)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("INSERT INTO finance_monitor.alerts (alert_id) VALUES ('x')", "nothing is written"),
        ("UPDATE finance_monitor.alerts SET status = 'resolved'", "nothing is written"),
        ("WITH x AS (DELETE FROM finance_monitor.alerts RETURNING 1) SELECT 1 FROM x", "written"),
        ("SELECT sink FROM finance_monitor.outbox", ASKED),
        ("SELECT (SELECT max(sink) FROM outbox) FROM stories", ASKED),
        ("SELECT passwd FROM pg_shadow", ASKED),
        ("SELECT table_to_xml('finance_monitor.outbox', true, false, '')", "(table_to_xml())"),
        ("SELECT query_to_xml('SELECT sink FROM outbox', true, false, '')", "(query_to_xml())"),
        ("SELECT database_to_xml(true, false, '')", "(database_to_xml())"),
        ("SELECT ts_stat('SELECT to_tsvector(sink) FROM outbox')", "(ts_stat())"),
        ("SELECT 1 WHERE query_to_xml('SELECT 1', true, false, '') IS NULL", "(query_to_xml())"),
        ("SELECT sum(length(pg_read_file('/etc/hostname'))) OVER ()", "(pg_read_file())"),
        ("SELECT * FROM pg_stat_get_activity(NULL)", "(pg_stat_get_activity())"),
        ("SELECT pg_terminate_backend(0), pg_advisory_lock(1)", "pg_terminate_backend()"),
        ("SELECT set_config('statement_timeout', '0', false)", "(set_config())"),
        ("SELECT public.sinks()", "(sinks())"),
        ("SELECT 1) AS a, (SELECT sink FROM outbox", "syntax error"),
        ("SELECT 1; DROP TABLE finance_monitor.stories", "multiple commands"),
        ("SELECT 1; COMMIT; DROP TABLE finance_monitor.stories", "multiple commands"),
        ("DROP TABLE finance_monitor.stories", "syntax error"),
        ("COMMIT", "syntax error"),
        ("SET default_transaction_read_only = off", "syntax error"),
        ("ANALYZE DELETE FROM finance_monitor.stories", "syntax error"),
        ("", "syntax error"),
    ],
)  # fmt: skip
def test_a_database_is_only_read(
    kept: Kept, query: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not kept.is_file:
        _refused(kept, query, said, monkeypatch)


def _refused(kept: Kept, query: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    everything = [f"SELECT * FROM {name} ORDER BY 1" for name in ("stories", "alerts")]
    before = [ask(kept.place, one).rows for one in everything]
    with monkeypatch.context() as impatient:
        impatient.setattr(asking, "LONGEST_SECONDS", 0.5)
        with pytest.raises(UserError) as caught:
            ask(kept.place, query)
    assert said in str(caught.value)
    assert [ask(kept.place, one).rows for one in everything] == before


def test_the_command_line_shows_a_table_or_writes_one(kept: Kept, tmp_path: Path) -> None:
    query = "select id, headline from stories order by id"
    shown = run_here("finance_monitor", "sql", query, *kept.named)
    assert shown.returncode == 0, shown.stderr
    assert "Borel wins an order" in shown.stdout
    out = tmp_path / "stories.csv"
    done = run_here("finance_monitor", "sql", query, *kept.named, "--out", out, "--json")
    assert json.loads(done.stdout)["rows"][1] == ["b", "Borel wins an order"]
    with out.open(encoding="utf-8-sig", newline="") as file:
        # What a spreadsheet would take for a formula stays text.
        assert next(csv.DictReader(file))["headline"] == "'=1+1"
    wrong = run_here("finance_monitor", "sql", "select x from stories", *kept.named)
    assert wrong.returncode == 2
