"""A monitor's file opened for reading, with tables that a person can ask."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from urllib.parse import quote

from common.errors import UserError

TIME = "strftime('%Y-%m-%dT%H:%M:%SZ', {}, 'unixepoch')"
# What somebody may ask; everything else in the file, such as receivers, is the monitor's own.
VIEWS = {
    "stories": f"""
        SELECT id, {TIME.format("published")} AS published_at,
            json_extract(content, '$.source') AS source,
            coalesce(json_extract(content, '$.title'), json_extract(content, '$.text')) AS headline,
            json_extract(content, '$.url') AS url,
            json_extract(content, '$.sentiment.label') AS sentiment,
            json_extract(content, '$.sentiment.probabilities.negative') AS negative,
            json_extract(content, '$.sentiment.probabilities.positive') AS positive,
            (SELECT group_concat(json_extract(value, '$.name'), '|')
                FROM json_each(content, '$.topics')) AS topics,
            (SELECT group_concat(value, '|') FROM json_each(entities)) AS companies,
            duplicate_of AS copy_of, json_extract(content, '$.novelty') AS novelty,
            json_extract(content, '$.release_id') AS release_id
        FROM main.stories""",
    "targets": f"""
        SELECT s.id, {TIME.format("published")} AS published_at,
            json_extract(value, '$.entity') AS company,
            json_extract(value, '$.sentiment') AS sentiment,
            json_extract(value, '$.probabilities.negative') AS negative,
            json_extract(value, '$.probabilities.positive') AS positive,
            duplicate_of AS copy_of
        FROM main.stories s, json_each(content, '$.targets')""",
    "alerts": """
        SELECT alert_id AS id, key, json_extract(content, '$.labels.kind') AS kind,
            json_extract(content, '$.labels.name') AS name, status,
            json_extract(content, '$.severity') AS severity,
            json_extract(content, '$.starts_at') AS starts_at,
            json_extract(content, '$.fired_at') AS fired_at,
            json_extract(content, '$.ends_at') AS ends_at,
            json_extract(content, '$.observed') AS observed,
            json_extract(content, '$.expected') AS expected,
            json_extract(content, '$.share') AS share,
            json_extract(content, '$.surprise') AS surprise,
            muted_by AS explained_by, notified_at, acknowledged_by, acknowledged_at,
            closed_by, closed_at, verdict, verdict_reason, verdict_by
        FROM main.alerts""",
    "trends": f"""
        SELECT {TIME.format("start")} AS start, key, stories, negative, positive, expected, surprise
        FROM main.windows""",
}
READ_BY_VIEWS = {"stories", "alerts", "windows", "json_each"}
LONGEST_SECONDS = 60.0
STEPS_BETWEEN_LOOKS = 100_000
ALLOWED = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE)


@dataclass(frozen=True)
class Answer:
    """Rows of named columns."""

    columns: list[str]
    rows: list[tuple[object, ...]]

    def records(self) -> list[dict[str, object]]:
        """A mapping a row."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


def ask(path: Path, query: str, most: int | None = None) -> Answer:
    """What a query says of `VIEWS`.

    Args:
        path: a monitor's file; it may be at work.
        most: rows that are read at most; None: all.

    Raises:
        UserError: it is no single query, asks for what is not there, would write, or takes longer
            than LONGEST_SECONDS.
    """
    database = sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True, timeout=30)
    try:
        for name, view in VIEWS.items():
            database.execute(f"CREATE TEMP VIEW {name} AS {view}")
        # It is set up when it is first used, which the authoriser would refuse.
        database.execute("SELECT 1 FROM json_each('[]')")
        database.set_authorizer(_authorise)
        ends = monotonic() + LONGEST_SECONDS
        database.set_progress_handler(lambda: monotonic() > ends, STEPS_BETWEEN_LOOKS)
        cursor = database.execute(query)
        rows = cursor.fetchall() if most is None else cursor.fetchmany(most)
        columns = _distinct([column[0] for column in cursor.description or ()])
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise UserError(_reason(error), hint=_columns(query)) from None
    finally:
        database.close()
    if not columns:
        raise UserError("no query", hint="It begins with SELECT or WITH.")
    return Answer(columns, rows)


def _authorise(action: int, table: str | None, *_: str | None) -> int:
    is_read = action == sqlite3.SQLITE_READ and table in {*VIEWS, *READ_BY_VIEWS}
    return sqlite3.SQLITE_OK if action in ALLOWED or is_read else sqlite3.SQLITE_DENY


def _reason(error: Exception) -> str:
    said = str(error)
    if said == "interrupted":
        return f"it takes longer than {LONGEST_SECONDS:.0f} seconds"
    if any(words in said for words in ("prohibited", "not authorized", "cannot modify")):
        return f"only {', '.join(VIEWS)} may be read, and nothing is written ({said})"
    return said


def _distinct(names: Sequence[str]) -> list[str]:
    """Column names, of which a query may have the same twice: the second is called `name_2`."""
    found: list[str] = []
    for name in names:
        count, free = 1, name
        while free in found:
            count += 1
            free = f"{name}_{count}"
        found.append(free)
    return found


def _columns(query: str) -> str:
    """The columns of the tables that a query names, or the tables."""
    asked = [name for name in VIEWS if name in query.lower()]
    if not asked:
        return f"The tables are {', '.join(VIEWS)}."
    database = sqlite3.connect(":memory:")
    try:
        from apps.finance_monitor.watch.tables import VERSIONS

        database.executescript("".join(VERSIONS))
        lines = []
        for name in asked:
            cursor = database.execute(f"SELECT * FROM ({VIEWS[name]})")
            lines.append(f"{name}: {', '.join(column[0] for column in cursor.description)}")
        return "\n  ".join(lines)
    finally:
        database.close()
