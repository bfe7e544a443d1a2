"""The right to be forgotten, over the knowledge."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from errno import ENOTEMPTY
from pathlib import Path
from typing import Any

from apps.customer_service.knowledge.opening import open_knowledge
from apps.customer_service.knowledge.reading import VECTORS
from apps.customer_service.knowledge.schema import Entry, Version, fold
from apps.customer_service.knowledge.store import APPLICATION


@dataclass(frozen=True)
class Forgotten:
    """What a purge of the knowledge came to.

    Attributes:
        cleaned: ids of FAQs that held a customer's wording, or a mined answer that nobody serves,
            and hold it no more.
        holding: ids of FAQs that hold the text in what the business wrote itself, or approved.
            What releases hold is told by their own purge.
        places: where in them it stands: in which field, served, waiting or in the history.
        left: files of vectors that could not be deleted, each with the reason.
    """

    cleaned: list[str]
    holding: list[str]
    places: list[str]
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
        found = dict.fromkeys(_places(opened.store.versions(), text)) if text else {}
    holding = dict.fromkeys(faq_id for faq_id, _, _ in found)
    return Forgotten(
        cleaned,
        sorted(holding),
        [": ".join(one) for one in sorted(found)],
        # Last: until it is out of the knowledge, a server that starts reads it anew.
        _delete_vectors(store / APPLICATION / VECTORS),
    )


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


def _places(versions: Sequence[Version], text: str) -> Iterator[tuple[str, str, str]]:
    """Where a text stands: FAQ, field, and how that is there."""
    for faq_id, one in fold({}, versions).items():
        for name in _fields(one.standing.live, text):
            yield faq_id, name, "served"
        for name in _fields(one.standing.draft, text):
            yield faq_id, name, "waits as a draft"
    for version in versions:
        before = version.before.entries if version.before else []
        for entry in (*version.standing.entries, *before):
            for name in _fields(entry, text):
                yield version.faq_id, name, "in its history"


def _fields(entry: Entry | None, text: str) -> list[str]:
    if entry is None:
        return []
    texts = {
        "question": [entry.question],
        "similar_questions": entry.similar_questions,
        "answer": [entry.answer],
    }
    return [name for name, said in texts.items() if any(text in one for one in said)]
