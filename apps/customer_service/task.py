"""What the core fine-tunes for customer service: one encoder, two heads, one forward pass."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from common.evaluation.metrics import accuracy, mean_reciprocal_rank, recall_at_k
from common.models.encoder import PooledEncoder, predict
from common.tuning.task import Batch, Metric, Predict, TaskModule

if TYPE_CHECKING:
    from common.models.loading import Backbone, Tokenize

# Scaled cosines of the same spread as a softmax over some hundred classes wants.
INTENT_SCALE = 20.0
CONTRASTIVE_TEMPERATURE = 0.05
# FAQs among which each FAQ's hard negatives are drawn.
HARD_NEIGHBOURS = 8
UNKNOWN = -1


@dataclass(frozen=True)
class Example:
    """A text to learn from, normalised: the FAQ that answers it, its intent, as far as known."""

    text: str
    faq_id: str | None
    intent: str | None


class CosineClassifier(nn.Module):
    """Logits are scaled cosines between a vector and one learned direction a class."""

    def __init__(self, directions: Tensor, scale: float = INTENT_SCALE) -> None:
        super().__init__()
        self.directions = nn.Parameter(directions)
        self.log_scale = nn.Parameter(torch.tensor(scale).log())

    def forward(self, vectors: Tensor) -> Tensor:
        """[batch, width] → [batch, classes]."""
        cosines = (
            functional.normalize(vectors, dim=-1) @ functional.normalize(self.directions, dim=-1).T
        )
        return self.log_scale.exp() * cosines


class AnswerModel(TaskModule):
    """An embedding for retrieval and intent logits, from one pass through the encoder."""

    def __init__(
        self, pooled: PooledEncoder, directions: Tensor | None, width: int, smoothing: float = 0.0
    ) -> None:
        super().__init__()
        self.pooled = pooled
        # Starts as the identity; it is what learns for retrieval while the encoder is frozen.
        self.projection = nn.Linear(width, width, bias=False)
        nn.init.eye_(self.projection.weight)
        self.intents = CosineClassifier(directions) if directions is not None else None
        self.smoothing = smoothing

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        group: Tensor | None = None,
        intent: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Outputs for each text; with targets, the loss.

        Args:
            group: [batch], texts that share a number ask for the same; -1: for nothing known.
            intent: [batch], class numbers; -1: not known.

        Returns:
            `embedding` [batch, width] of length 1, `intent_logits` [batch, intents] where there
            are intents, and `loss` where there are targets.
        """
        pooled = self.pooled(input_ids, attention_mask)
        outputs = {"embedding": functional.normalize(self.projection(pooled).float(), dim=-1)}
        if self.intents is not None:
            outputs["intent_logits"] = self.intents(pooled).float()
        if group is not None and intent is not None:
            outputs["loss"] = self._loss(outputs, group, intent)
        return outputs

    def _loss(self, outputs: dict[str, Tensor], group: Tensor, intent: Tensor) -> Tensor:
        loss = contrastive_loss(outputs["embedding"], group)
        if "intent_logits" in outputs and bool((intent != UNKNOWN).any()):
            loss = loss + functional.cross_entropy(
                outputs["intent_logits"],
                intent,
                ignore_index=UNKNOWN,
                label_smoothing=self.smoothing,
            )
        return loss


def contrastive_loss(embedding: Tensor, group: Tensor) -> Tensor:
    """Pull texts of one group together, away from all others in the batch.

    Supervised contrastive loss (Khosla et al. 2020, arXiv 2004.11362), except that the other
    positives of an anchor stand outside the denominator, so that questions of one FAQ never act
    as each other's negatives. Texts of no group are negatives only.

    Args:
        embedding: [batch, width], of length 1.
        group: [batch]; -1: of no group.
    """
    similarity = embedding @ embedding.T / CONTRASTIVE_TEMPERATURE
    same = (group[:, None] == group[None, :]) & (group[:, None] != UNKNOWN)
    itself = torch.eye(len(group), dtype=torch.bool, device=group.device)
    positive = same & ~itself
    if not bool(positive.any()):
        return embedding.sum() * 0.0
    negative = torch.logsumexp(similarity.masked_fill(same | itself, -torch.inf), dim=1)
    log_probability = similarity - torch.logaddexp(similarity, negative[:, None])
    anchors = positive.any(dim=1)
    mean = (log_probability * positive).sum(1)[anchors] / positive.sum(1)[anchors]
    return -mean.mean()


class CustomerServiceTask:
    """Retrieval over FAQs and intent classification, either of them alone or both.

    Args:
        knowledge: every text whose FAQ is known and that may be searched: FAQ variants and the
            training questions.
        intents: class names in the order of the logits.
    """

    name = "customer_service"

    def __init__(
        self, knowledge: Sequence[Example], intents: Sequence[str], *, smoothing: float = 0.0
    ) -> None:
        self.knowledge = [example for example in knowledge if example.faq_id is not None]
        self.training = list(knowledge)
        self.intents = list(intents)
        self.smoothing = smoothing
        self.monitor = Metric("reciprocal_rank" if self.knowledge else "intent_accuracy")
        self._intent_number = {name: number for number, name in enumerate(self.intents)}
        faq_ids = sorted({e.faq_id for e in self.knowledge if e.faq_id is not None})
        self._group_number = {faq_id: number for number, faq_id in enumerate(faq_ids)}
        self._texts: dict[str, list[str]] = defaultdict(list)
        self._intent_of: dict[str, str | None] = {}
        for example in self.knowledge:
            self._texts[str(example.faq_id)].append(example.text)
            self._intent_of[str(example.faq_id)] = example.intent
        self._hard: dict[str, list[str]] = {}

    def build(self, backbone: Backbone) -> AnswerModel:
        """Heads on the encoder: intents start from class means, hard negatives are mined."""
        pooled = PooledEncoder(backbone.encoder)
        bare = _Embedding(pooled)
        texts = [example.text for example in self.training]
        vectors = predict(bare, backbone, texts, what="Reading the training texts")["embedding"]
        self._mine_hard_negatives(vectors)
        directions = self._class_means(vectors) if self.intents else None
        return AnswerModel(pooled, directions, backbone.dimension, self.smoothing)

    def text(self, record: Example) -> str:
        """The question."""
        return record.text

    def collate(self, records: Sequence[Example], tokenize: Tokenize) -> Batch:
        """Each record, and beside each with an FAQ another of its texts and a hard negative."""
        examples = list(records)
        for record in records:
            if record.faq_id in self._texts:
                examples.append(self._draw(record.faq_id))
                if near := self._hard.get(record.faq_id):
                    examples.append(self._draw(near[_random(len(near))]))
        batch = tokenize([example.text for example in examples])
        batch["group"] = torch.tensor([self._group(example) for example in examples])
        batch["intent"] = torch.tensor([self._intent(example) for example in examples])
        return batch

    def measure(self, predict: Predict, records: Sequence[Example]) -> dict[str, float]:
        """Recall at 1 and 3 and reciprocal rank of the right FAQ; accuracy of the intent."""
        outputs = predict([record.text for record in records])
        metrics: dict[str, float] = {}
        if self.knowledge:
            searched = predict([example.text for example in self.knowledge])["embedding"]
            metrics |= self._measure_retrieval(outputs["embedding"], searched, records)
        if self.intents:
            logits = outputs["intent_logits"]
            known = [i for i, record in enumerate(records) if self._intent(record) != UNKNOWN]
            target = torch.tensor([self._intent(records[i]) for i in known])
            metrics["intent_accuracy"] = accuracy(logits[known].argmax(-1), target)
        return metrics

    def _measure_retrieval(
        self, embedding: Tensor, searched: Tensor, records: Sequence[Example]
    ) -> dict[str, float]:
        asked = [i for i, record in enumerate(records) if record.faq_id in self._group_number]
        if not asked:
            return {"recall_at_1": 0.0, "recall_at_3": 0.0, "reciprocal_rank": 0.0}
        groups = torch.tensor([self._group(example) for example in self.knowledge])
        scores = torch.full((len(asked), len(self._group_number)), -torch.inf)
        scores.scatter_reduce_(
            1, groups.expand(len(asked), -1), embedding[asked] @ searched.T, reduce="amax"
        )
        target = torch.tensor([self._group(records[i]) for i in asked])
        return {
            "recall_at_1": recall_at_k(scores, target, 1),
            "recall_at_3": recall_at_k(scores, target, 3),
            "reciprocal_rank": mean_reciprocal_rank(scores, target),
        }

    def _class_means(self, vectors: Tensor) -> Tensor:
        numbers = torch.tensor([self._intent(example) for example in self.training])
        unit = functional.normalize(vectors, dim=-1)
        means = [unit[numbers == number].mean(0) for number in range(len(self.intents))]
        return torch.stack(means)

    def _mine_hard_negatives(self, vectors: Tensor) -> None:
        """For each FAQ, the others whose texts lie nearest to its own."""
        if len(self._group_number) < 2:
            return
        groups = torch.tensor([self._group(example) for example in self.training])
        unit = functional.normalize(vectors, dim=-1)
        means = torch.stack([unit[groups == g].mean(0) for g in range(len(self._group_number))])
        similarity = (means @ means.T).fill_diagonal_(-torch.inf)
        count = min(HARD_NEIGHBOURS, len(means) - 1)
        names = list(self._group_number)
        for number, nearest in enumerate(similarity.topk(count).indices.tolist()):
            self._hard[names[number]] = [names[other] for other in nearest]

    def _draw(self, faq_id: str) -> Example:
        texts = self._texts[faq_id]
        return Example(texts[_random(len(texts))], faq_id, self._intent_of[faq_id])

    def _group(self, example: Example) -> int:
        if self._group_number:
            return self._group_number.get(example.faq_id or "", UNKNOWN)
        return self._intent(example)

    def _intent(self, example: Example) -> int:
        return self._intent_number.get(example.intent or "", UNKNOWN)


class _Embedding(nn.Module):
    """The pretrained encoder's own vectors, before any head."""

    def __init__(self, pooled: PooledEncoder) -> None:
        super().__init__()
        self.pooled = pooled

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> dict[str, Tensor]:
        return {"embedding": self.pooled(input_ids, attention_mask)}


def _random(below: int) -> int:
    return int(torch.randint(below, (1,)))
