"""The verbs `feedback list|show|accept|reject|undo|export|import|purge` of every application."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from common.cli import Json, Store, existing, new_app, print_json
from common.console import say, show_table
from common.errors import UserError
from common.learning.options_cli import DatabaseUrl, open_store
from common.learning.purge_cli import PurgeMore, PurgeReleases, PurgeRows, add_purge_verb

if TYPE_CHECKING:
    from common.learning.exchange import Parts
    from common.learning.schema import Feedback, Status

Form = Annotated[
    Literal["table", "argilla", "label-studio"],
    typer.Option("--format", help="A table by the file's suffix, or JSON of a labelling tool."),
]
Ids = Annotated[list[str], typer.Argument(help="Ids, or their beginnings.")]


def add_feedback_verbs(
    app: typer.Typer,
    application: str,
    label: str,
    labels: Sequence[str],
    purge_releases: PurgeReleases,
    purge_rows: Mapping[str, Callable[[], PurgeRows]] | None = None,
    purge_more: PurgeMore | None = None,
    parts_of: Parts | None = None,
) -> None:
    """Add the verbs.

    Args:
        label: what a labelling tool asks for, among `labels`, the names that `wanted` may have.
        purge_releases: from a store, a text and whole texts that were deleted, the ids of the
            releases that still hold one; the next `learn` will leave those out.
        purge_rows: import what purges further rows, by what these are called.
        purge_more: from a store, a database, a text and whole texts, what else was purged or still
            holds it.
        parts_of: from what an imported row wants, the corrections that it comes to.
    """
    verbs = new_app("What people said: list, show, decide, exchange, purge.")
    app.add_typer(verbs, name="feedback")
    _add_reading(verbs, application)
    _add_deciding(verbs, application)
    _add_exchange(verbs, application, label, labels, parts_of)
    add_purge_verb(verbs, application, purge_releases, purge_rows or {}, purge_more)


def _add_reading(verbs: typer.Typer, application: str) -> None:
    @verbs.command("list")
    def list_feedback(
        status: Annotated[
            Literal["new", "accepted", "rejected", "learned"] | None, typer.Option()
        ] = None,
        limit: Annotated[int, typer.Option(min=1)] = 50,
        store: Store = Path("var"),
        database: DatabaseUrl = None,
        as_json: Json = False,
    ) -> None:
        """The latest, oldest first."""
        from common.learning.exchange import flat

        with open_store(store, database, application) as feedback:
            rows = feedback.feedback(status=status, limit=limit)
            counts = feedback.counts()
        if as_json:
            print_json({"counts": counts, "feedback": [flat(row) for row in rows]})
            return
        show_table(_table(rows))
        say(", ".join(f"{name}: {count:,}" for name, count in counts.items()) or "None yet.")

    @verbs.command()
    def show(
        identity: Annotated[str, typer.Argument(help="Its id, or the beginning of it.")],
        store: Store = Path("var"),
        database: DatabaseUrl = None,
    ) -> None:
        """All of one, as JSON."""
        with open_store(store, database, application) as feedback:
            print_json(feedback.one(identity).model_dump())


def _add_deciding(verbs: typer.Typer, application: str) -> None:
    def decide(
        identities: Sequence[str], status: Status, by: str | None, store: Path, url: str | None
    ) -> None:
        with open_store(store, url, application) as feedback:
            rows = [feedback.one(identity) for identity in identities]
            learned = [row.id for row in rows if row.status == "learned"]
            if learned and status != "new":
                raise UserError(
                    f"learned already: {', '.join(learned)}",
                    hint="Give the correction that is right instead; the next `learn` goes by it.",
                )
            feedback.decide([row.id for row in rows], status, by)
        say(f"{len(rows)} {'open again' if status == 'new' else status}.")

    @verbs.command()
    def accept(identities: Ids, store: Store = Path("var"), database: DatabaseUrl = None) -> None:
        """Let them be learned, whoever they came from."""
        decide(identities, "accepted", "command line", store, database)

    @verbs.command()
    def reject(identities: Ids, store: Store = Path("var"), database: DatabaseUrl = None) -> None:
        """Never learn from them."""
        decide(identities, "rejected", "command line", store, database)

    @verbs.command()
    def undo(identities: Ids, store: Store = Path("var"), database: DatabaseUrl = None) -> None:
        """Leave them open again, what was learned too: as after a rollback."""
        decide(identities, "new", None, store, database)


def _add_exchange(
    verbs: typer.Typer,
    application: str,
    label: str,
    labels: Sequence[str],
    parts_of: Parts | None,
) -> None:
    @verbs.command("export")
    def export_feedback(
        path: Annotated[Path, typer.Argument(help="A file to write.")],
        form: Form = "table",
        status: Annotated[
            Literal["new", "accepted", "rejected", "learned"] | None, typer.Option()
        ] = None,
        store: Store = Path("var"),
        database: DatabaseUrl = None,
    ) -> None:
        """Write them to a table, or as tasks for Argilla or Label Studio."""
        from common.learning.exchange import write_feedback

        with open_store(store, database, application) as feedback:
            rows = feedback.feedback(status=status)
        write_feedback(path, rows, form, label)
        say(f"{path}: {len(rows):,} rows")

    @verbs.command("import")
    def import_feedback(
        path: Annotated[
            Path, typer.Argument(help="A table, or a labelling tool's JSON.", callback=existing)
        ],
        form: Form = "table",
        store: Store = Path("var"),
        database: DatabaseUrl = None,
    ) -> None:
        """Take corrections that your own people made; they count as accepted."""
        from common.learning.exchange import read_feedback

        rows = read_feedback(path, form, label, labels, parts_of)
        with open_store(store, database, application) as feedback:
            before = sum(feedback.counts().values())
            feedback.add(rows)
            added = sum(feedback.counts().values()) - before
        say(f"{added:,} corrections added, {len(rows) - added:,} were there already.")


def _table(rows: Sequence[Feedback]) -> Any:
    from datetime import UTC, datetime

    from rich.markup import escape
    from rich.table import Table

    table = Table("id")
    table.columns[0].no_wrap = True
    for name in ("when", "what", "text", "wanted", "status"):
        table.add_column(name)
    for row in rows:
        at = datetime.fromtimestamp(row.at, UTC).strftime("%Y-%m-%d %H:%M")
        wanted = ", ".join(str(value) for value in row.wanted.values())
        cells = (row.id[:8], at, row.kind, row.text, wanted, row.status)
        table.add_row(*map(escape, cells))
    return table
