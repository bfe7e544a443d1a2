"""Options that several verbs share, and what they name."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from common.learning.store import FeedbackStore

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
KeepAudit = Annotated[
    str, typer.Option("--keep-audit", help="How long it is kept who changed what, e.g. 730d.")
]
KEEP_AUDIT = "730d"
LearnWhen = Annotated[
    str | None,
    typer.Option(
        "--learn",
        help="Learn and promote what passes the gate: at-once, nightly, or a period such as 6h.",
    ),
]


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
