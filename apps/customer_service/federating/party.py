"""What one branch has: its texts and their labels. Nothing here imports torch: `join` is quick."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from apps.customer_service.data import Dataset, Example, Sources
from apps.customer_service.privacy.records import separate
from common.errors import UserError
from common.tuning.settings import Settings

FAQS, INTENTS = "faqs", "intents"


@dataclass(frozen=True)
class Party:
    """A branch's texts.

    Attributes:
        dataset: what it knows; of a private branch, what is no secret.
        learned: what it learns from.
        held_out: what chooses the best epoch.
    """

    dataset: Dataset
    learned: Sequence[Example]
    held_out: Sequence[Example]

    @property
    def classes(self) -> dict[str, list[str]]:
        """The labels that it has texts of."""
        faqs = {example.faq_id for example in self.dataset.knowledge if example.faq_id}
        return {FAQS: sorted(faqs), INTENTS: self.dataset.intents}


def party_of(dataset: Dataset) -> Party:
    """A branch whose questions may be read by whoever trains there; some calibrate later.

    Raises:
        UserError: too few texts to learn from.
    """
    dataset.audit.raise_on_errors()
    party = Party(dataset, dataset.splits.train, dataset.not_learned)
    if not any(party.classes.values()) or not party.held_out:
        raise UserError(
            "too few texts to learn from",
            hint="Give FAQs, or questions of at least two intents; some are held out.",
        )
    return party


def private_party(
    dataset: Dataset, public: Sequence[Path], sources: Sources, settings: Settings
) -> Party:
    """A branch whose questions are a secret even there: labels and starts are of public texts.

    Raises:
        UserError: there are no secret questions, or no public ones.
    """
    dataset.audit.raise_on_errors()
    records = separate(dataset, public, sources, seed=settings.seed)
    learned = [*records.known.splits.train, *records.secret]
    return Party(records.known, learned, records.known.splits.validation)
