"""What the core fine-tunes to re-rank: a pair scorer that tells an FAQ from those like it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from apps.customer_service.answers.contest import Contest
from common.evaluation.metrics import mean_reciprocal_rank, recall_at_k
from common.tuning import losses
from common.tuning.task import Batch, Metric, Predict, TaskModule

if TYPE_CHECKING:
    from common.models.pair_scorer import Pair, PairScorer
    from common.tuning.task import Tokenize


class RerankModule(TaskModule):
    """A pair scorer's network, as the trainer calls it."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, right: Tensor | None = None, **batch: Tensor) -> dict[str, Tensor]:
        """`score` [pairs]; with `right` [questions], which document is the right one, the loss.

        The pairs of one question follow each other, equally many for each.
        """
        scores = self.network(**batch).logits.squeeze(-1).float()
        outputs = {"score": scores}
        if right is not None:
            lists = scores.view(len(right), -1)
            places = torch.arange(lists.shape[1], device=right.device)
            taken = places[None, :] == right[:, None]
            everywhere = torch.ones_like(taken)
            outputs["loss"] = losses.listwise_softmax(lists, everywhere, taken).mean()
        return outputs


class RerankTask:
    """Which of a few FAQs answers a question; all contests have equally many documents."""

    name = "customer_service reranker"
    monitors = (Metric("reciprocal_rank"),)

    def build(self, scorer: PairScorer, precision: str = "fp32") -> RerankModule:
        """The scorer as it is: its head of one logit is all that is needed."""
        return RerankModule(scorer.network)

    def input(self, record: Contest) -> Pair:
        """The longest pair of a contest, by which batches are put together."""
        return max(record.pairs, key=lambda pair: len(pair[1]))

    def collate(self, records: Sequence[Contest], tokenize: Tokenize) -> Batch:
        """All pairs of all contests, and where the right document stands: first."""
        batch = tokenize([pair for record in records for pair in record.pairs])
        batch["right"] = torch.zeros(len(records), dtype=torch.long)
        return batch

    def measure(self, predict: Predict, records: Sequence[Contest]) -> dict[str, float]:
        """Recall at 1 and reciprocal rank of the right document among those of its contest."""
        pairs = [pair for record in records for pair in record.pairs]
        scores = predict(pairs)["score"].view(len(records), -1)
        right = torch.zeros(len(records), dtype=torch.long)
        return {
            "recall_at_1": recall_at_k(scores, right, 1),
            "reciprocal_rank": mean_reciprocal_rank(scores, right),
        }
