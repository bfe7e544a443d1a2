"""The first candidates, read again together with the question where the search is unsure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from apps.customer_service.answers.contest import document
from apps.customer_service.answers.retrieval import Candidate
from apps.customer_service.schema import Faq
from common.models.prediction import held_in, predict

if TYPE_CHECKING:
    from torch import nn

    from apps.customer_service.answers.rerank_task import RerankModule
    from common.models.pair_scorer import PairScorer

# Of the sample data's validation questions 98.7 % have their FAQ among the first five.
FIRST = 5
# Above every margin.
ALONE = 2.0


@dataclass(frozen=True)
class Reranker:
    """A fine-tuned pair scorer and how far it is heeded.

    Attributes:
        weight: of the logarithm of its softmax over the first candidates, added to their scores.
        unsure_below: margin of the first candidate's score over the second's below which the
            candidates are read again.
    """

    scorer: PairScorer
    module: RerankModule
    weight: float
    unsure_below: float
    precision: str

    def order(
        self, question: str, candidates: Sequence[Candidate], faqs: Mapping[str, Faq]
    ) -> list[Candidate]:
        """The candidates of a normalised question, best first, with their new scores."""
        first = candidates[:FIRST]
        if margin(first) >= self.unsure_below:
            return list(candidates)
        pairs = [(question, document(faqs[candidate.faq_id])) for candidate in first]
        return [*blend(first, self.score(pairs), self.weight), *candidates[FIRST:]]

    def score(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
        """[pairs], logits."""
        found = predict(
            self._reader, self.scorer, pairs, precision=self.precision, what="Reading pairs"
        )
        return np.asarray(found["score"].numpy())

    @cached_property
    def _reader(self) -> nn.Module:
        """So few pairs are read in less time than their weights are narrowed in."""
        return held_in(self.module, self.precision)


def margin(candidates: Sequence[Candidate]) -> float:
    """How far the first candidate is ahead, from 0 to 1; `ALONE` where there is no other."""
    if len(candidates) < 2:
        return ALONE
    return candidates[0].score - candidates[1].score


def blend(
    candidates: Sequence[Candidate], logits: NDArray[np.float32], weight: float
) -> list[Candidate]:
    """The candidates by their score and what the reranker makes of them, best first."""
    scores = [candidate.score for candidate in candidates] + weight * log_softmax(logits)
    order = np.argsort(-scores, kind="stable")
    return [replace(candidates[i], score=float(scores[i])) for i in order]
