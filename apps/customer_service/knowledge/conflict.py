"""Two editors at once: the second is told what the first wrote."""

from __future__ import annotations

from datetime import UTC, datetime

from apps.customer_service.knowledge.schema import Version
from common.errors import RefusedError


class ConflictError(RefusedError):
    """An FAQ was changed since its editor saw it."""

    def __init__(self, theirs: Version) -> None:
        at = datetime.fromtimestamp(theirs.at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        live = theirs.live or theirs.draft
        now = f"it reads: {live.question} — {live.answer}" if live else "it is removed"
        super().__init__(
            f"{theirs.faq_id} was changed meanwhile by {theirs.author} at {at}; {now}",
            hint=f"Look at it and do it again: its version is {theirs.change} now.",
        )
        self.theirs = theirs
