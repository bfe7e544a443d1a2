"""A correction by somebody trusted is served at once, before anything learns from it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from apps.customer_service.knowledge.conflict import ConflictError
from apps.customer_service.knowledge.editing import correct
from apps.customer_service.knowledge.serving.live import LiveKnowledge
from common.storage.database import DATABASE_TROUBLE

TRIES = 3


def hear(live: LiveKnowledge, text: str, wanted: Mapping[str, Any], author: str) -> bool:
    """Serve a further wording of an FAQ, or an answer of its own.

    Args:
        text: what was asked, prepared.
        wanted: `faq_id` or `answer`.

    Returns:
        Whether it is served; not, where the database is down.
    """
    for _ in range(TRIES):
        # Whoever edits the FAQ at this moment keeps what they wrote; then it is done once more.
        with suppress(ConflictError):
            try:
                live.write(
                    lambda now: correct(now, text, wanted.get("faq_id"), wanted.get("answer")),
                    author=author,
                    kind="correct",
                )
            except DATABASE_TROUBLE:
                return False
            return True
    return False
