"""Which questions are secret, and what is known without them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from apps.customer_service.data import Dataset, Example, Sources, read_questions, variants_of
from common.errors import UserError
from common.records.splits import Splits, split

# Of public questions where there are no FAQs: what is searched must not be what calibrates.
HELD_OUT_SHARE = 0.5


@dataclass(frozen=True)
class Records:
    """Secret questions, and all that is public: FAQs and some questions.

    Attributes:
        known: of the public texts alone. It trains on FAQ texts, or where there are none on half
            of the questions; the others are its validation.
        questions: how many questions are public.
    """

    secret: list[Example]
    known: Dataset
    questions: int

    @property
    def told(self) -> str:
        """What was public, in a sentence."""
        return (
            f"The pretrained model, {len(self.known.faqs):,} FAQs with their wordings, and "
            f"{self.questions:,} questions: they name the intents, the heads start from them, and "
            "they chose the epoch and calibrated."
        )


def separate(dataset: Dataset, public: Sequence[Path], sources: Sources, *, seed: int) -> Records:
    """What of `dataset` is learned privately, beside what is no secret.

    Raises:
        UserError: no secret questions, or no public ones, on which a promise could be shown.
    """
    if not public:
        raise UserError(
            "privacy_epsilon: how sure an answer must be is found on questions that are no secret, "
            "and there are none",
            hint="Give some: --public FILE. FAQs are taken for public.",
        )
    if not sources.questions:
        raise UserError(
            "privacy_epsilon: there are no questions, and FAQs are no secret",
            hint="Give --questions FILE, or leave out privacy_epsilon.",
        )
    secret = read_questions(sources, dataset.faqs)
    asked = read_questions(replace(sources, questions=public), dataset.faqs)
    known, held = variants_of(dataset.faqs), asked
    if not known:
        sides = split(
            asked,
            label=lambda example: example.intent or "",
            text=lambda example: example.text,
            validation=HELD_OUT_SHARE,
            test=0.0,
            seed=seed,
        )
        known, held = sides.train, sides.validation
    splits = Splits(known, held, [])
    public_part = replace(dataset, splits=splits, calibration=[], unlabelled=[], hashes={})
    if not public_part.intents and not public_part.faqs:
        raise UserError(
            "privacy_epsilon: the public questions have fewer than two intents, and intents that "
            "they do not name are a secret",
            hint="Give --public questions of each intent.",
        )
    return Records(secret, public_part, len(asked))
