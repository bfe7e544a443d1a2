"""The verbs `gaps` and `resolution`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from apps.customer_service.options_cli import open_registry
from common.cli import Device, Json, Store, print_json
from common.console import progress, say, show_table
from common.learning.options_cli import DatabaseUrl, open_store

if TYPE_CHECKING:
    from apps.customer_service.answers.answering import Understood
    from apps.customer_service.gaps.finding import Gap

verbs = typer.Typer()

DAY = 86400.0
MOST_QUESTIONS = 1_000_000
READ_TOGETHER = 64
SHOWN = 20

Days = Annotated[int, typer.Option(min=1, help="How many days back.")]


@verbs.command()
def gaps(
    days: Days = 30,
    out: Annotated[
        Path | None,
        typer.Option(help="Write all of them here: .csv, .tsv, .xlsx, .jsonl or .parquet."),
    ] = None,
    device: Device = "auto",
    store: Store = Path("var"),
    database: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """What customers ask that is not answered, what most people want first."""
    from common.records.writing import check_writable_as, write_table

    if out is not None:
        check_writable_as(out)
    release = open_registry(store).open()

    from apps.customer_service.gaps.finding import NOT_ANSWERED, distinct_texts, find_gaps
    from apps.customer_service.release import load_edited

    with open_store(store, database, "customer_service") as kept:
        asked = kept.asked_since(time.time() - days * DAY, MOST_QUESTIONS, NOT_ANSWERED)
    answerer = load_edited(release, store, database, device=device)
    texts = distinct_texts(asked)
    understood: dict[str, Understood] = {}
    with progress("Reading", len(texts)) as advance:
        for start in range(0, len(texts), READ_TOGETHER):
            some = texts[start : start + READ_TOGETHER]
            understood |= dict(zip(some, answerer.understand(some), strict=True))
            advance(len(some))
    found = find_gaps(answerer, asked, understood)
    if out is not None:
        write_table(out, as_table(found))
        say(f"{out}: {len(found):,} gaps.")
    if as_json:
        print_json({"questions": len(asked), "gaps": as_table(found)})
    elif not found:
        say(f"Nothing was left unanswered in {days} days.")
    else:
        show_table(_table(found[:SHOWN], len(asked)))


@verbs.command()
def resolution(
    days: Days = 90,
    by: Annotated[Literal["language", "topic", "week"], typer.Option()] = "week",
    store: Store = Path("var"),
    database: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """How many contacts were answered for good: nobody came back within seven days."""
    from dataclasses import asdict

    from apps.customer_service.gaps.resolution import contacts, resolved

    now = time.time()
    with open_store(store, database, "customer_service") as kept:
        asked = kept.asked_since(now - days * DAY, MOST_QUESTIONS)
    rows = [{**asdict(row), "share": row.share} for row in resolved(contacts(asked, now), by)]
    if as_json:
        print_json({"by": by, "rows": rows})
        return
    if not rows:
        say(f"Nothing was asked in {days} days.")
        return
    show_table(_resolution_table(rows, by))


def as_table(found: Sequence[Gap]) -> list[dict[str, Any]]:
    """One flat row for each gap."""
    return [
        {
            "question": gap.question,
            "language": gap.language,
            "asked": gap.asked,
            "people": gap.people,
            "angry": gap.angry,
            "nearest_faq": gap.nearest and gap.nearest.faq_id,
            "nearest_question": gap.nearest and gap.nearest.question,
            "confidence": gap.nearest and gap.nearest.confidence,
            "examples": gap.examples,
        }
        for gap in found
    ]


def _table(found: Sequence[Gap], questions: int) -> Any:
    from rich.markup import escape
    from rich.table import Table

    table = Table("asked", "people", "angry", "question", "nearest FAQ", "sure")
    table.title = f"{questions:,} questions were not answered"
    for gap in found:
        near = gap.nearest
        told = (near.question, f"{near.confidence:.0%}") if near else ("–", "")
        counts = (f"{gap.asked:,}", f"{gap.people:,}", f"{gap.angry:,}")
        table.add_row(*map(escape, (*counts, gap.question, *told)))
    return table


def _resolution_table(rows: Sequence[dict[str, Any]], by: str) -> Any:
    from rich.markup import escape
    from rich.table import Table

    names = ("contacts", "durable", "came_back", "not_answered", "too_early")
    table = Table(by, *(name.replace("_", " ") for name in names), "share")
    for row in rows:
        share = "–" if row["share"] is None else f"{row['share']:.1%}"
        table.add_row(escape(row["group"] or "–"), *(f"{row[name]:,}" for name in names), share)
    return table
