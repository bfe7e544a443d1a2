"""Verbs that change something, in the audit log: who ran them, and on what."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from typer.core import TyperCommand

from common.console import say
from common.errors import UserError

PROMOTED = "release.promoted"
# The words of a verb, what it does, and the argument that says to what; never what people said.
CHANGES: Mapping[str, tuple[str, str]] = {
    "alerts ack": ("alert.acknowledged", "alert_id"),
    "alerts judge": ("alert.judged", "alert_id"),
    "alerts resolve": ("alert.resolved", "alert_id"),
    "alerts silence": ("alert.silenced", "key"),
    "faqs add": ("knowledge.added", "faq_id"),
    "faqs edit": ("knowledge.edited", "faq_id"),
    "faqs remove": ("knowledge.removed", "faq_id"),
    "faqs publish": ("knowledge.published", "faq_ids"),
    "faqs reject": ("knowledge.rejected", "faq_ids"),
    "faqs undo": ("knowledge.undone", "change"),
    "feedback accept": ("feedback.accepted", "identities"),
    "feedback reject": ("feedback.rejected", "identities"),
    "feedback undo": ("feedback.undone", "identities"),
    "feedback import": ("feedback.imported", ""),
    "feedback purge": ("feedback.purged", ""),
    "releases promote": (PROMOTED, "release_id"),
    "releases rollback": ("release.rolled_back", ""),
    "releases prune": ("release.pruned", ""),
    "releases push": ("release.published", "release_id"),
    "releases pull": ("release.fetched", "release_id"),
}


class RecordedCommand(TyperCommand):
    """A verb; where it changed something of an application, that is written down."""

    def invoke(self, ctx: Any) -> Any:
        """Run it, then write it down."""
        words, application = _words(ctx)
        store = ctx.params.get("store")
        if application is None or store is None:
            return super().invoke(ctx)
        before = _serving(store / application)
        found = super().invoke(ctx)
        after = _serving(store / application)
        # Whatever verb it was: `learn` and `train` let releases serve as well.
        what, named = CHANGES.get(words, (PROMOTED if before != after else None, ""))
        if what and not ctx.params.get("dry_run"):
            releases = (before, after) if before != after else ("", "")
            _record(ctx, application, what, _about(ctx.params.get(named)), *releases)
        return found


def _serving(root: Path) -> str:
    """Id of the release that serves; empty where none does."""
    current = root / "current"
    return current.resolve().name if current.exists() else ""


def _words(ctx: Any) -> tuple[str, str | None]:
    names: list[str] = []
    found = ctx
    while found.parent is not None:
        names.insert(0, found.info_name)
        found = found.parent
    return " ".join(names), found.command.name


def _about(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def _record(ctx: Any, application: str, what: str, about: str, before: str, after: str) -> None:
    import getpass
    import socket

    from common.storage.audit_log import AuditLog, Change
    from common.storage.database import DATABASE, DATABASE_TROUBLE, Database

    place = ctx.params.get("database") or os.environ.get("BIZLM_DATABASE")
    try:
        database = Database(place or ctx.params["store"] / DATABASE)
        try:
            change = Change(
                who=f"command line: {getpass.getuser()}",
                what=what,
                about=about,
                source=socket.gethostname(),
                before=before,
                after=after,
            )
            AuditLog(database, application).add(change)
        finally:
            database.close()
    except (UserError, *DATABASE_TROUBLE, OSError) as error:
        say(f"Warning: this is not in the audit log: {error}")
