"""The right to be forgotten, over the knowledge."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from dataclasses import dataclass
from errno import ENOTEMPTY
from pathlib import Path
from typing import Any

from apps.customer_service.knowledge.opening import open_knowledge
from apps.customer_service.knowledge.reading import VECTORS
from apps.customer_service.knowledge.store import APPLICATION
from apps.customer_service.schema import Faq


@dataclass(frozen=True)
class Forgotten:
    """What a purge of the knowledge came to.

    Attributes:
        cleaned: ids of FAQs that held a customer's wording, and hold it no more.
        holding: ids of FAQs whose history holds the text in what the business wrote itself. What
            releases hold is told by their own purge.
        left: files of vectors that could not be deleted, each with the reason.
    """

    cleaned: list[str]
    holding: list[str]
    left: list[str]


def forget(
    store: Path, database: str | None, text: str | None, whole: Collection[str]
) -> Forgotten:
    """Take customers' wordings out of the history, out of what is served, and their vectors.

    Args:
        text: what a wording holds that is to go.
        whole: wordings that are to go.
    """
    with open_knowledge(store, database) as opened:
        cleaned = opened.store.purge(text, whole)
        known: list[Faq] = []
        for one in opened.store.versions():
            known += one.standing.entries
            known += one.before.entries if one.before else ()
    holding = {faq.id for faq in known if text is not None and _holds(faq, text)}
    # Last: until it is out of the knowledge, a server that starts reads it anew.
    return Forgotten(cleaned, sorted(holding), _delete_vectors(store / APPLICATION / VECTORS))


def _delete_vectors(directory: Path) -> list[str]:
    """Delete all, as texts can be guessed from their vectors; what could not be, and why."""
    left: dict[str, str] = {}

    def note(_work: object, path: str, failed: Any) -> None:
        error = failed[1]
        # What was deleted meanwhile is gone; a folder stays for what is in it.
        if not isinstance(error, FileNotFoundError) and error.errno != ENOTEMPTY:
            left.setdefault(path, error.strerror or str(error))

    shutil.rmtree(directory, onerror=note)
    return [f"{path} ({reason})" for path, reason in left.items()]


def _holds(faq: Faq, text: str) -> bool:
    return any(text in one for one in (*faq.variants, faq.answer))
