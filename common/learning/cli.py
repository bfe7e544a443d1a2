"""The verbs `feedback list|show|accept|reject|undo|export|import|purge` of every application."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol

import typer

from common.cli import Json, Store, existing, new_app, print_json
from common.console import say, show_table
from common.durations import parse_period
from common.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from common.learning.schema import Feedback, Status
    from common.learning.store import FeedbackStore, Purged
    from common.storage.database import Database

PurgeReleases = Callable[[Path, str | None, Collection[str]], Sequence[str]]
# What else held it: a name for JSON, a sentence that ends in what is found, and that.
Found = tuple[str, str, Sequence[str]]
PurgeMore = Callable[[Path, str | None, str | None, Collection[str]], Sequence[Found]]


class PurgeRows(Protocol):
    """Deletes an application's own rows."""

    def __call__(
        self,
        root: Path,
        database: Database,
        *,
        subject: str | None = None,
        text: str | None = None,
        before: float | None = None,
    ) -> int:
        """Those of a subject, which is hashed, those with a text, or the older ones; how many.

        Args:
            root: the application's directory.
        """


DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        "--database",
        envvar="BIZLM_DATABASE",
        help="Where feedback is kept: a URL of PostgreSQL, or a file. Default: in the store.",
    ),
]
Trust = Annotated[
    list[str] | None,
    typer.Option("--trust", help="Name of a key whose corrections count alone; with keys."),
]
Keep = Annotated[
    str,
    typer.Option("--keep", help="How long questions and feedback are kept; 0: no questions are."),
]
LearnWhen = Annotated[
    str | None,
    typer.Option(
        "--learn",
        help="Learn and promote what passes the gate: at-once, nightly, or a period such as 6h.",
    ),
]
Form = Annotated[
    Literal["table", "argilla", "label-studio"],
    typer.Option("--format", help="A table by the file's suffix, or JSON of a labelling tool."),
]
Ids = Annotated[list[str], typer.Argument(help="Ids, or their beginnings.")]


@contextmanager
def open_store(store: Path, database: str | None, application: str) -> Iterator[FeedbackStore]:
    """The feedback of one application, for the length of a `with` block."""
    from common.learning.store import FeedbackStore
    from common.storage.database import DATABASE, Database

    opened = Database(database or store / DATABASE)
    try:
        yield FeedbackStore(opened, application)
    finally:
        opened.close()


def add_feedback_verbs(
    app: typer.Typer,
    application: str,
    label: str,
    labels: Sequence[str],
    purge_releases: PurgeReleases,
    purge_rows: Mapping[str, PurgeRows] | None = None,
    purge_more: PurgeMore | None = None,
) -> None:
    """Add the verbs.

    Args:
        label: what a labelling tool asks for, among `labels`, the names that `wanted` may have.
        purge_releases: from a store, a text and whole texts that were deleted, the ids of the
            releases that still hold one; the next `learn` will leave those out.
        purge_rows: what else is purged, by what it is called.
        purge_more: from a store, a database, a text and whole texts, what else was purged or still
            holds it.
    """
    verbs = new_app("What people said: list, show, decide, exchange, purge.")
    app.add_typer(verbs, name="feedback")
    _add_reading(verbs, application)
    _add_deciding(verbs, application)
    _add_exchange(verbs, application, label, labels)
    _add_purge(verbs, application, purge_releases, purge_rows or {}, purge_more)


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
        """Let the next `learn` take them, whoever they came from."""
        decide(identities, "accepted", "command line", store, database)

    @verbs.command()
    def reject(identities: Ids, store: Store = Path("var"), database: DatabaseUrl = None) -> None:
        """Never learn from them."""
        decide(identities, "rejected", "command line", store, database)

    @verbs.command()
    def undo(identities: Ids, store: Store = Path("var"), database: DatabaseUrl = None) -> None:
        """Leave them open again, what was learned too: as after a rollback."""
        decide(identities, "new", None, store, database)


def _add_exchange(verbs: typer.Typer, application: str, label: str, labels: Sequence[str]) -> None:
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

        rows = read_feedback(path, form, label, labels)
        with open_store(store, database, application) as feedback:
            before = sum(feedback.counts().values())
            feedback.add(rows)
            added = sum(feedback.counts().values()) - before
        say(f"{added:,} corrections added, {len(rows) - added:,} were there already.")


def _add_purge(
    verbs: typer.Typer,
    application: str,
    purge_releases: PurgeReleases,
    purge_rows: Mapping[str, PurgeRows],
    purge_more: PurgeMore | None,
) -> None:
    @verbs.command()
    def purge(
        subject: Annotated[
            str | None, typer.Option(help="All that this person asked and said, by their id.")
        ] = None,
        text: Annotated[str | None, typer.Option(help="All that holds this text.")] = None,
        older_than: Annotated[
            str | None, typer.Option(help="All that is done with and older, e.g. 365d.")
        ] = None,
        store: Store = Path("var"),
        database: DatabaseUrl = None,
        as_json: Json = False,
    ) -> None:
        """Delete for good, and say which releases still hold it."""
        if (subject is None) + (text is None) + (older_than is None) != 2:
            raise UserError(
                "purge what?", hint="Give one of --subject ID, --text TEXT and --older-than 365d"
            )
        who, before = _chosen(store, application, subject, older_than)
        with open_store(store, database, application) as feedback:
            also = {
                name: purge(
                    store / application, feedback.database, subject=who, text=text, before=before
                )
                for name, purge in purge_rows.items()
            }
            gone = _purge(feedback, store / application, who, text, before)
        holding: Sequence[str] = ()
        more: Sequence[Found] = ()
        if older_than is None:
            holding = purge_releases(store, text, gone.texts)
            more = purge_more(store, database, text, gone.texts) if purge_more else ()
        counts = {"predictions": gone.predictions, "feedback": gone.feedback, **also}
        if as_json:
            beside = {name: list(found) for name, _, found in more}
            print_json({**counts, "releases": list(holding), **beside})
            return
        deleted = ", ".join(f"{count:,} of {name}" for name, count in counts.items())
        say(f"Rows deleted: {deleted}.")
        for _, sentence, found in more:
            if found:
                say(f"{sentence} {', '.join(found)}")
        if holding:
            say(
                "These releases still hold it; the next `learn` makes one without it, then delete "
                f"their directories: {', '.join(holding)}"
            )


def _chosen(
    store: Path, application: str, subject: str | None, older_than: str | None
) -> tuple[str | None, float | None]:
    """The hash of a subject, and the time before which rows are old."""
    import time

    from common.learning.sources import hashed

    who = None if subject is None else hashed(store / application, subject)
    if older_than is None:
        return who, None
    return who, time.time() - parse_period(older_than).total_seconds()


def _purge(
    feedback: FeedbackStore, root: Path, who: str | None, text: str | None, before: float | None
) -> Purged:
    from common.learning.spool import SPOOL, Spool

    if before is not None:
        return feedback.forget_before(before)
    spool = Spool(root / SPOOL, feedback.kinds)
    spool.drop(lambda row: _is_of(row, who, text))
    return feedback.purge(subject=who, text=text)


def _is_of(row: Any, subject: str | None, text: str | None) -> bool:
    """Whether a row is somebody's, or holds a text."""
    written = getattr(row, "wanted", {}).get("answer", "")
    holds = text is not None and (text in row.text or text in written)
    return holds or (subject is not None and row.subject == subject)


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
