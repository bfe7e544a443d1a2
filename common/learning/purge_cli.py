"""The verb `feedback purge` of every application."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from common.cli import Json, Store, print_json
from common.console import say
from common.durations import parse_period
from common.errors import UserError
from common.learning.options_cli import DatabaseUrl, open_store

if TYPE_CHECKING:
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


def add_purge_verb(
    verbs: typer.Typer,
    application: str,
    purge_releases: PurgeReleases,
    purge_rows: Mapping[str, Callable[[], PurgeRows]],
    purge_more: PurgeMore | None,
) -> None:
    """Add it; for the arguments see `add_feedback_verbs`."""

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
        if subject is not None and not subject.strip():
            raise UserError("--subject is empty", hint="Give the person's id: --subject ID")
        from common.learning.store import Purged
        from common.storage.audit_log import AuditLog

        who, before = _chosen(store, application, subject, older_than)
        spellings = _spellings(text)
        root, also, gone = store / application, dict.fromkeys(purge_rows, 0), Purged(0, 0)
        with open_store(store, database, application) as feedback:
            for spelt in spellings:
                for name, find in purge_rows.items():
                    also[name] += find()(
                        root, feedback.database, subject=who, text=spelt, before=before
                    )
                if spelt is not None:
                    AuditLog(feedback.database, application).forget(spelt)
                # The last one, for it erases the bytes of all.
                gone += _purge(feedback, root, who, spelt, before)
        holding: dict[str, None] = {}
        more: dict[str, tuple[str, dict[str, None]]] = {}
        for spelt in spellings if older_than is None else ():
            holding |= dict.fromkeys(purge_releases(store, spelt, gone.texts))
            for name, sentence, found in (
                purge_more(store, database, spelt, gone.texts) if purge_more else ()
            ):
                more.setdefault(name, (sentence, {}))[1].update(dict.fromkeys(found))
        counts = {"predictions": gone.predictions, "feedback": gone.feedback, **also}
        if as_json:
            beside = {name: list(found) for name, (_, found) in more.items()}
            print_json({**counts, "releases": list(holding), **beside})
            return
        deleted = ", ".join(f"{count:,} of {name}" for name, count in counts.items())
        say(f"Rows deleted: {deleted}.")
        for sentence, held in more.values():
            if held:
                say(f"{sentence} {', '.join(held)}")
        if holding:
            say(
                "These releases still hold it; the next that is learned or trained does not, then "
                f"delete their directories: {', '.join(holding)}"
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


def _spellings(text: str | None) -> list[str | None]:
    """A text as it is given, and as what customers say is kept: full-width signs and traditional
    characters are not in it.

    Raises:
        UserError: nothing can be read in it; every row would hold it.
    """
    if text is None:
        return [None]
    from common.records.text import normalise

    if not (kept := normalise(text)):
        raise UserError("--text is empty", hint="Give what is to go: --text TEXT")
    return list(dict.fromkeys([text, kept]))


def _purge(
    feedback: FeedbackStore, root: Path, who: str | None, text: str | None, before: float | None
) -> Purged:
    from common.learning.spool import SPOOL, Spool

    if before is not None:
        gone = feedback.forget_before(before)
        feedback.database.erase()
        return gone
    spool = Spool(root / SPOOL, feedback.kinds)
    spool.drop(lambda row: _is_of(row, who, text))
    return feedback.purge(subject=who, text=text)


def _is_of(row: Any, subject: str | None, text: str | None) -> bool:
    """Whether a row is somebody's, or holds a text."""
    written = getattr(row, "wanted", {}).get("answer", "")
    holds = text is not None and (text in row.text or text in written)
    return holds or (subject is not None and row.subject == subject)
