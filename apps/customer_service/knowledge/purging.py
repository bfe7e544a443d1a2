"""The right to be forgotten, over the knowledge."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

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
    """

    cleaned: list[str]
    holding: list[str]


def forget(
    store: Path, database: str | None, text: str | None, whole: Collection[str]
) -> Forgotten:
    """Take customers' wordings out of the history, out of what is served, and their vectors.

    Args:
        text: what a wording holds that is to go.
        whole: wordings that are to go.
    """
    # By content, and what the content was can be guessed from a vector.
    shutil.rmtree(store / APPLICATION / VECTORS, ignore_errors=True)
    with open_knowledge(store, database) as opened:
        cleaned = opened.store.purge(text, whole)
        known: list[Faq] = []
        for one in opened.store.versions():
            known += one.standing.entries
            known += one.before.entries if one.before else ()
    holding = {faq.id for faq in known if text is not None and _holds(faq, text)}
    return Forgotten(cleaned, sorted(holding))


def _holds(faq: Faq, text: str) -> bool:
    return any(text in one for one in (*faq.variants, faq.answer))
