"""A question and the FAQs that may answer it, as a reranker reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from apps.customer_service.schema import Faq

if TYPE_CHECKING:
    from common.models.pair_scorer import Pair


@dataclass(frozen=True)
class Contest:
    """A question, the document that answers it, and hard negatives: others that nearly do."""

    question: str
    right: str
    wrong: tuple[str, ...]

    @property
    def pairs(self) -> list[Pair]:
        """The question beside each document, the right one first."""
        return [(self.question, document) for document in (self.right, *self.wrong)]


def document(faq: Faq) -> str:
    """What the question is read together with."""
    return f"{faq.question} {faq.answer}"
