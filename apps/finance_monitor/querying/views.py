"""Tables that a person can ask, made of what a monitor keeps."""

from __future__ import annotations

import sqlite3

from apps.finance_monitor.state.dialect import Dialect, Sqlite
from apps.finance_monitor.state.tables import VERSIONS

# What somebody may ask; everything else that is kept, such as receivers, is the monitor's own.
NAMES = ("stories", "targets", "alerts", "trends")
# The tables that these are made of.
MADE_OF = ("stories", "alerts", "windows")


def views(sql: Dialect) -> dict[str, str]:
    """The query behind each name."""

    def text(path: str, of: str = "content") -> str:
        return sql.text_at(of, path)

    def number(path: str, of: str = "content") -> str:
        return sql.number_at(of, path)

    topics = sql.joined(text("name", "t.value"), sql.each("content", "topics", "t"))
    companies = sql.joined("e.value", sql.each_text("entities", "e"))
    return {
        "stories": f"""
            SELECT id, {sql.time("published")} AS published_at, {text("source")} AS source,
                coalesce({text("title")}, {text("text")}) AS headline, {text("url")} AS url,
                {text("sentiment.label")} AS sentiment,
                {number("sentiment.probabilities.negative")} AS negative,
                {number("sentiment.probabilities.positive")} AS positive,
                {topics} AS topics, {companies} AS companies,
                duplicate_of AS copy_of, {number("novelty")} AS novelty,
                {text("release_id")} AS release_id
            FROM {sql.tables}.stories""",
        "targets": f"""
            SELECT s.id, {sql.time("published")} AS published_at,
                {text("entity", "t.value")} AS company, {text("sentiment", "t.value")} AS sentiment,
                {number("probabilities.negative", "t.value")} AS negative,
                {number("probabilities.positive", "t.value")} AS positive,
                duplicate_of AS copy_of
            FROM {sql.tables}.stories s, {sql.each("content", "targets", "t")}""",
        "alerts": f"""
            SELECT alert_id AS id, key, {text("labels.kind")} AS kind,
                {text("labels.name")} AS name, status, {text("severity")} AS severity,
                {text("starts_at")} AS starts_at, {text("fired_at")} AS fired_at,
                {text("ends_at")} AS ends_at,
                {number("observed")} AS observed, {number("expected")} AS expected,
                {number("share")} AS share, {number("surprise")} AS surprise,
                muted_by AS explained_by, notified_at, acknowledged_by, acknowledged_at,
                closed_by, closed_at, verdict, verdict_reason, verdict_by
            FROM {sql.tables}.alerts""",
        "trends": f"""
            SELECT {sql.time("start")} AS start, key, stories, negative, positive, expected,
                surprise
            FROM {sql.tables}.windows""",
    }


def refusal(said: str) -> str:
    """Why a query is refused."""
    return f"only {', '.join(NAMES)} may be read, and nothing is written ({said})"


def columns(query: str) -> str:
    """The columns of the tables that a query names, or the tables."""
    asked = [name for name in NAMES if name in query.lower()]
    if not asked:
        return f"The tables are {', '.join(NAMES)}."
    database = sqlite3.connect(":memory:")
    try:
        database.executescript("".join(VERSIONS))
        lines = []
        for name in asked:
            cursor = database.execute(f"SELECT * FROM ({views(Sqlite())[name]})")
            lines.append(f"{name}: {', '.join(column[0] for column in cursor.description)}")
        return "\n  ".join(lines)
    finally:
        database.close()
