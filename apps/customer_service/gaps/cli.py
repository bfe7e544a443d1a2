"""The verbs `gaps`, `resolution` and `decisions`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from apps.customer_service.options_cli import Documents, Graph, open_registry
from common.cli import Device, Json, Store, print_json
from common.console import progress, say, show_table
from common.learning.options_cli import DatabaseUrl, open_store
from common.rules.rules_cli import RulesOption

if TYPE_CHECKING:
    from apps.customer_service.answers.answering import Answerer, Understood
    from apps.customer_service.gaps.finding import Gap
    from common.learning.schema import Prediction

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
    documents: Documents = None,
    graph: Graph = None,
    rules: RulesOption = None,
    device: Device = "auto",
    store: Store = Path("var"),
    database: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """What customers ask that is not answered, what most people want first.

    Give what `serve` is given to answer from: what that answers by now is left out.
    """
    from apps.customer_service.graph.telling import open_facts
    from apps.customer_service.rules.known import known_names
    from apps.customer_service.rules.schema import AnswerRules
    from common.records.writing import check_writable_as, write_table
    from common.rules.reading import read_rules

    if out is not None:
        check_writable_as(out)
    registry = open_registry(store)
    release = registry.open()
    ruled = read_rules(rules, AnswerRules, known_names(store, database)) if rules else None
    facts = open_facts(graph) if graph else None

    from apps.customer_service.conversation.session import open_dialogue
    from apps.customer_service.documents.reading import read_documents
    from apps.customer_service.documents.release import with_documents
    from apps.customer_service.gaps.finding import NOT_ANSWERED, Questions, find_gaps
    from apps.customer_service.gaps.store import DismissedStore
    from apps.customer_service.gaps.table import as_table
    from apps.customer_service.knowledge.reading import kept_reader
    from apps.customer_service.release import load_edited

    answerer = load_edited(release, store, database, device=device)
    if documents:
        reader = kept_reader(registry, release, answerer)
        answerer = with_documents(answerer, read_documents(documents), reader=reader)
    dialogue = open_dialogue(answerer, release, registry.root, ruled, facts=facts)
    with open_store(store, database, "customer_service") as kept:
        asked = kept.asked_since(time.time() - days * DAY, MOST_QUESTIONS, NOT_ANSWERED)
        questions = Questions.of(asked, answerer.faqs, dialogue.patterns)
        dismissed = DismissedStore(kept.database).among([*questions.messages])
    understood = _read(answerer, questions.texts)
    every = find_gaps(dialogue, questions, understood, dismissed)
    found = [gap for gap in every if not gap.is_dismissed]
    if out is not None:
        write_table(out, as_table(every))
        say(f"{out}: {len(every):,} gaps.")
    is_cut = len(asked) == MOST_QUESTIONS
    if is_cut:
        say(f"Only the latest {MOST_QUESTIONS:,} questions were looked at.")
    if questions.rarer:
        say(
            f"{questions.rarer:,} rarer wordings, asked {questions.rarer_asked:,} times, were not "
            "looked at. A shorter time has fewer: --days."
        )
    if len(found) < len(every):
        say(f"{len(every) - len(found):,} gaps are not yours, as somebody said.")
    if as_json:
        left_out = {"rarer": questions.rarer, "rarer_asked": questions.rarer_asked}
        about = {"questions": len(asked), "is_cut": is_cut, **left_out}
        print_json({**about, "gaps": as_table(found)})
    elif not found:
        say(f"Nothing was left unanswered in {days} days.")
    else:
        show_table(_table(found[:SHOWN], len(asked)))


def _read(answerer: Answerer, texts: Sequence[str]) -> dict[str, Understood]:
    understood: dict[str, Understood] = {}
    with progress("Reading", len(texts)) as advance:
        for start in range(0, len(texts), READ_TOGETHER):
            some = texts[start : start + READ_TOGETHER]
            understood |= dict(zip(some, answerer.understand(some), strict=True))
            advance(len(some))
    return understood


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

    from apps.customer_service.gaps.resolution import SECONDS, contacts, resolved

    now = time.time()
    since = now - days * DAY
    with open_store(store, database, "customer_service") as kept:
        asked = kept.asked_since(since - SECONDS, MOST_QUESTIONS)
    _say_if_cut(asked)
    found = resolved(contacts(asked, now, since=since), by)
    rows = [{**asdict(row), "share": row.share} for row in found]
    if as_json:
        print_json({"by": by, "rows": rows})
        return
    if not rows:
        say(f"Nothing was asked in {days} days.")
        return
    show_table(_resolution_table(rows, by))


@verbs.command()
def decisions(
    out: Annotated[Path, typer.Argument(help="A directory for decisions.csv and graph.toml.")],
    release_id: Annotated[
        str | None, typer.Option("--release", help="What is asked about; default: what serves.")
    ] = None,
    beside: Annotated[
        str | None,
        typer.Option("--beside", help="Compared with; default: what else answered most."),
    ] = None,
    days: Days = 90,
    store: Store = Path("var"),
    database: DatabaseUrl = None,
) -> None:
    """Contacts, which of two releases answered, and how they ended, for `python -m apps effect`."""
    wanted = release_id or open_registry(store).open().release_id

    from apps.customer_service.gaps.decisions import GRAPH, decisions_of
    from apps.customer_service.gaps.resolution import SECONDS
    from common.evaluation.effects.starting import write_log

    now = time.time()
    since = now - days * DAY
    with open_store(store, database, "customer_service") as kept:
        asked = kept.asked_since(since - SECONDS, MOST_QUESTIONS)
    _say_if_cut(asked)
    write_log(out, decisions_of(asked, now, wanted, beside, since=since), GRAPH)


def _say_if_cut(asked: Sequence[Prediction]) -> None:
    if len(asked) == MOST_QUESTIONS:
        say(f"Only the latest {MOST_QUESTIONS:,} questions were counted.")


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
