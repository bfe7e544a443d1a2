"""FAQs in other languages than the question's, by what they mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apps.customer_service.answers.languages.across import Across, Floats, Languages
from apps.customer_service.answers.wordings import NEIGHBOURS, best, with_prototype

Rows = NDArray[np.int64]

# How much nearer than those in the asker's language an FAQ in another must be to come first: the
# least by which no validation question lost its own (of 406, calibration's among them; 0.1 lost
# one). Of 254 whose FAQ was hidden, 18 found what says the same first and 77 among three.
# The mean of a language with a few FAQs is about them rather: with one, the more was needed.
FOREIGN_HANDICAP, FEW_HANDICAP = 0.125, 0.15
FOREIGN_SHOWN = 3


@dataclass(frozen=True)
class ForeignFaq:
    """One that was found, by its number; for the rest see `Candidate`."""

    number: int
    score: float
    dense: float
    prototype: float
    neighbours: float


@dataclass(frozen=True)
class ForeignSearch:
    """Over all FAQs, and what they and their wordings are across languages.

    Args:
        languages: [FAQs].
        faq_of: [wordings], the number of each one's FAQ.
        counts: [FAQs], how many wordings each has.
    """

    across: Across
    languages: Languages
    faq_of: Rows
    counts: Rows

    def search(
        self,
        vector: Floats,
        language: str,
        own_scores: Sequence[float],
        *,
        is_shown: NDArray[np.bool_],
        named: Mapping[int, float],
    ) -> list[ForeignFaq]:
        """Better than the first that is found in the asker's language by as much as nearer.

        The nearest, if it is nearer at all, comes second at least: who is asked back should see it.

        Args:
            vector: [width], of the question.
            own_scores: of what is found in its language, the best first.
            is_shown: [FAQs], which may be found.
            named: the number of an FAQ that the question names → what that counts.
        """
        is_own = self.languages == language
        cosines, prototype = self.across.cosines(vector, language)
        nearest = best(cosines.astype(np.float64), self.faq_of, self.counts)
        prototype = np.where(np.isnan(prototype), nearest, prototype)
        dense = with_prototype(prototype, nearest)
        own = dense[is_own & is_shown].max(initial=0.0)
        handicap = FOREIGN_HANDICAP + FEW_HANDICAP / is_own.sum()
        score = dense - own - handicap + (own_scores[0] if own_scores else 0.0)
        for faq, weight in named.items():
            score[faq] += weight
        searched = ~is_own & is_shown
        score[~searched] = -np.inf
        nearest_faq = int(score.argmax())
        if len(own_scores) > 1 and dense[nearest_faq] > own:
            score[nearest_faq] = max(score[nearest_faq], own_scores[1])
        rows = np.flatnonzero(searched[self.faq_of])
        near = self.faq_of[rows[np.argsort(-cosines[rows])[:NEIGHBOURS]]].tolist()
        return [
            ForeignFaq(
                number=int(faq),
                score=float(score[faq]),
                dense=float(dense[faq]),
                prototype=float(prototype[faq]),
                neighbours=near.count(faq) / max(len(near), 1),
            )
            for faq in np.argsort(-score)[: min(FOREIGN_SHOWN, int(searched.sum()))]
        ]
