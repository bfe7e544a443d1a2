"""`faqs`: look at what is served, and what was done to it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from apps.customer_service.knowledge.editing_cli import add_editing
from apps.customer_service.knowledge.preview_cli import add_preview
from common.cli import Json, Store, new_app, print_json
from common.console import results, say, show_table
from common.errors import UserError
from common.learning.options_cli import DatabaseUrl

if TYPE_CHECKING:
    from apps.customer_service.knowledge.opening import DifferenceOfFaq
    from apps.customer_service.knowledge.schema import Edited, Entry, Version
    from common.releases.release import Release

verbs = new_app("The knowledge, edited live.")
faqs = new_app("FAQs: list, show, add, edit, remove, preview, publish, undo, compare, export.")
verbs.add_typer(faqs, name="faqs")
add_editing(faqs)
add_preview(faqs)

LONGEST_SHOWN = 60


@faqs.command("list")
def list_faqs(
    search: Annotated[str, typer.Option(help="Words that it holds.")] = "",
    state: Annotated[
        Literal["published", "scheduled", "expired", "draft", "removed"] | None, typer.Option()
    ] = None,
    store: Store = Path("var"),
    database: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """All FAQs, with drafts and what is removed."""
    from datetime import UTC, datetime

    from apps.customer_service.knowledge.opening import open_knowledge

    now = datetime.now(UTC)
    with open_knowledge(store, database) as opened:
        found = {
            faq_id: one
            for faq_id, one in opened.knowledge.all.items()
            if state in {None, one.state(now)} and (entry := one.shown) and entry.holds(search)
        }
    if as_json:
        print_json({"faqs": [_to_json(i, one, one.state(now)) for i, one in found.items()]})
        return
    show_table(_table([(i, one.state(now), one) for i, one in found.items()]))


@faqs.command()
def show(
    faq_id: Annotated[str, typer.Argument(help="Its id.")],
    store: Store = Path("var"),
    database: DatabaseUrl = None,
) -> None:
    """All of one, as JSON."""
    from datetime import UTC, datetime

    from apps.customer_service.knowledge.opening import open_knowledge

    with open_knowledge(store, database) as opened:
        one = opened.knowledge.get(faq_id)
    if one is None:
        raise UserError(f"there is no FAQ {faq_id!r}", hint="See: faqs list")
    print_json(_to_json(faq_id, one, one.state(datetime.now(UTC))))


@faqs.command()
def diff(store: Store = Path("var"), database: DatabaseUrl = None, as_json: Json = False) -> None:
    """What the live knowledge differs in from the release that serves."""
    from apps.customer_service.knowledge.opening import differences, open_knowledge

    with open_knowledge(store, database) as opened:
        changes = differences(opened)
    if as_json:
        print_json({"differences": [asdict(one) for one in changes]})
        return
    for one in changes:
        _say_difference(one)
    if not changes:
        say("Nothing: the release holds what is served.")


@faqs.command()
def history(
    faq_id: Annotated[str | None, typer.Argument(help="Of one FAQ; default: of all.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="The latest so many.")] = 100,
    store: Store = Path("var"),
    database: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Every change with its author, its time, and what it was before."""
    from apps.customer_service.knowledge.opening import open_knowledge

    with open_knowledge(store, database) as opened:
        versions = opened.store.versions(faq_id=faq_id, limit=limit)
    if as_json:
        print_json({"changes": [one.model_dump(mode="json") for one in versions]})
        return
    show_table(_history_table(versions))


@faqs.command()
def export(
    out: Annotated[Path, typer.Argument(help="A .jsonl to write.")],
    store: Store = Path("var"),
    database: DatabaseUrl = None,
) -> None:
    """All published FAQs, as `train --faqs` reads them."""
    from apps.customer_service.knowledge.opening import open_knowledge
    from common.records.reader import write_jsonl

    if out.suffix.lower() != ".jsonl":
        raise UserError("the file is written as JSON lines", where=str(out), hint="Call it .jsonl.")
    with open_knowledge(store, database) as opened:
        found = [entry.served for entry in opened.knowledge.live.values()]
    write_jsonl(out, found)
    say(f"{out}: {len(found):,} FAQs. To learn from them: train --faqs {out}")


def say_what_is_not_learned(store: Path, release: Release) -> None:
    """After training: how to learn what was edited live and was not in the files."""
    from apps.customer_service.knowledge.opening import differences, open_knowledge
    from common.storage.database import DATABASE

    database = os.environ.get("BIZLM_DATABASE")
    if database is None and not (store / DATABASE).exists():
        return
    with open_knowledge(store, database, release) as opened:
        edited = [one for one in differences(opened) if one.id in opened.knowledge.edited]
    if edited:
        say(
            f"{len(edited):,} live edits are not in these files and are served over them. To learn "
            "from them: faqs export FAQS.jsonl, then train --faqs FAQS.jsonl; or `learn`."
        )


def _to_json(faq_id: str, one: Edited, state: str) -> dict[str, Any]:
    last = one.last
    return {
        "id": faq_id,
        "state": state,
        "version": one.version,
        **one.standing.model_dump(mode="json", exclude_none=True),
        "author": last and last.author,
        "at": last and last.at,
    }


def _say_difference(one: DifferenceOfFaq) -> None:
    results().print(f"{one.what}: {one.id}", markup=False, soft_wrap=True)
    for name in one.fields:
        for sign, side in (("-", one.before), ("+", one.after)):
            if side.get(name):
                line = f"  {sign} {name}: {side[name]}"
                results().print(line, markup=False, soft_wrap=True)


def _table(rows: Sequence[tuple[str, str, Edited]]) -> Any:
    from rich.markup import escape
    from rich.table import Table

    table = Table("id")
    table.columns[0].no_wrap = True
    for name in ("state", "question", "answer", "language", "by"):
        table.add_column(name)
    for faq_id, state, one in rows:
        entry = one.shown
        texts = (entry.question, _short(entry.answer), entry.language or "") if entry else ("",) * 3
        table.add_row(*map(escape, (faq_id, state, *texts, one.last.author if one.last else "")))
    return table


def _history_table(versions: Sequence[Version]) -> Any:
    from datetime import UTC, datetime

    from rich.markup import escape
    from rich.table import Table

    table = Table("change", "when", "by", "what", "id", "before", "after")
    for one in versions:
        at = datetime.fromtimestamp(one.at, UTC).strftime("%Y-%m-%d %H:%M:%S")
        before, after = _in_short(one.before), _in_short(one.standing)
        cells = (str(one.change), at, one.author, one.kind, one.faq_id, before, after)
        table.add_row(*map(escape, cells))
    return table


def _in_short(standing: Any) -> str:
    if standing is None:
        return "–"
    parts = [f"draft: {_in_words(standing.draft)}"] if standing.draft else []
    parts += [_in_words(standing.live)] if standing.live else []
    return " / ".join(parts) or "removed"


def _in_words(entry: Entry) -> str:
    more = len(entry.similar_questions) + len(entry.heard)
    return f"{_short(entry.question)} → {_short(entry.answer)}" + (f" (+{more})" if more else "")


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"
