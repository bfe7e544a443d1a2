"""What the core fine-tunes for customer service: one encoder, two heads, one forward pass."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from apps.customer_service.data import Example
from apps.customer_service.schema import OUT_OF_SCOPE
from common.evaluation.metrics import accuracy, f1, mean_reciprocal_rank, recall_at_k
from common.models.heads import CosineClassifier, Embedder, class_means
from common.models.pooling import PooledEncoder
from common.models.prediction import predict
from common.tuning.imbalance import ClassLoss, HeadLoss, class_counts
from common.tuning.label_names import spoken
from common.tuning.task import Batch, EncoderModule, Metric, Predict

if TYPE_CHECKING:
    from common.models.encoder import Encoder
    from common.tuning.task import Tokenize

# Hendrycks et al. take half; a few outliers a batch are enough.
OUTLIER_WEIGHT = 0.5
OUTSIDE = -1
UNKNOWN = -2
# What may choose the best evaluation, the usual ones first.
FIGURES = ("reciprocal_rank", "intent_accuracy", "intent_macro_f1", "recall_at_1", "recall_at_3")


class AnswerModel(EncoderModule):
    """An embedding for retrieval and intent logits, from one pass through the encoder.

    Args:
        prototypes: [faqs, width], one direction an FAQ, where there are FAQs.
        directions: [intents, width], one direction an intent, where there are intents.
        faq_loss, intent_loss: how they are learned; a plain loss if not given.
    """

    is_record_by_record = True

    def __init__(
        self,
        pooled: PooledEncoder,
        width: int,
        *,
        prototypes: Tensor | None,
        directions: Tensor | None,
        faq_loss: HeadLoss | None = None,
        intent_loss: HeadLoss | None = None,
    ) -> None:
        super().__init__()
        self.pooled = pooled
        # Starts as the identity; it is what learns for retrieval while the encoder is frozen.
        self.projection = nn.Linear(width, width, bias=False)
        nn.init.eye_(self.projection.weight)
        self.faqs = None if prototypes is None else CosineClassifier(prototypes)
        self.intents = None if directions is None else CosineClassifier(directions)
        self.faq_loss = faq_loss or HeadLoss(ClassLoss())
        self.intent_loss = intent_loss or HeadLoss(ClassLoss())

    @property
    def intent_scale(self) -> float:
        """What the cosines to the intents are multiplied by; 1 where there are none."""
        return 1.0 if self.intents is None else float(self.intents.log_scale.detach().exp())

    def prototypes(self, faq_ids: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """FAQ id → its prototype, of length 1; `faq_ids` in the order of the classes."""
        if self.faqs is None:
            return {}
        unit = functional.normalize(self.faqs.directions.detach(), dim=-1).cpu().numpy()
        return dict(zip(faq_ids, unit, strict=True))

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        faq: Tensor | None = None,
        intent: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Outputs for each text; with targets, the loss.

        Args:
            faq: [batch], number of the FAQ that answers the text; -1: none does; -2: not known.
            intent: [batch], class numbers; -2: not known.

        Returns:
            `embedding` [batch, width] of length 1, `faq_logits` [batch, faqs] where there are
            FAQs, `intent_logits` [batch, intents] where there are intents, and `loss` where there
            are targets.
        """
        pooled = self.pooled(input_ids, attention_mask)
        outputs = {"embedding": functional.normalize(self.projection(pooled).float(), dim=-1)}
        if self.faqs is not None:
            outputs["faq_logits"] = self.faqs(outputs["embedding"])
        if self.intents is not None:
            outputs["intent_logits"] = self.intents(pooled).float()
        if faq is not None and intent is not None:
            outputs["loss"] = self._loss(outputs, faq, intent)
        return outputs

    def _loss(self, outputs: dict[str, Tensor], faq: Tensor, intent: Tensor) -> Tensor:
        loss = outputs["embedding"].sum() * 0.0
        if self.faqs is not None:
            loss = loss + self.faq_loss.prototypes(
                outputs["faq_logits"],
                faq,
                outside=faq == OUTSIDE,
                outlier_weight=OUTLIER_WEIGHT,
            )
        if self.intents is not None:
            loss = loss + self.intent_loss.classes(outputs["intent_logits"], intent)
        return loss


class CustomerServiceTask:
    """Retrieval over FAQs and intent classification, either of them alone or both.

    Args:
        knowledge: every text whose FAQ is known and that may be searched: FAQ variants and the
            training questions.
        intents: class names in the order of the logits.
        loss: how FAQs and intents are learned.
        further: FAQs that the model tells beside those of the texts.
    """

    name = "customer_service"

    def __init__(
        self,
        knowledge: Sequence[Example],
        intents: Sequence[str],
        loss: ClassLoss | None = None,
        further: Collection[str] = (),
    ) -> None:
        self.knowledge = [example for example in knowledge if example.faq_id is not None]
        self.training = list(knowledge)
        self.intents = list(intents)
        self.loss = loss or ClassLoss()
        self.monitors = tuple(map(Metric, FIGURES))
        self._intent_number = {name: number for number, name in enumerate(self.intents)}
        faq_ids = sorted({*further, *(e.faq_id for e in self.knowledge if e.faq_id is not None)})
        self._faq_number = {faq_id: number for number, faq_id in enumerate(faq_ids)}

    def build(self, backbone: Encoder, precision: str = "fp32") -> AnswerModel:
        """Heads on the encoder: FAQ prototypes and intents start from class means."""
        pooled = backbone.pooled()
        texts = [example.text for example in self.training]
        reader, what = Embedder(pooled), "Reading the training texts"
        found = predict(reader, backbone, texts, precision=precision, what=what)
        unit = functional.normalize(found["embedding"], dim=-1)
        faqs = torch.tensor([self._faq(example) for example in self.training])
        intents = torch.tensor([self._intent(example) for example in self.training])
        return AnswerModel(
            pooled,
            backbone.dimension,
            prototypes=class_means(unit, faqs, len(self.faq_ids)) if self.faq_ids else None,
            directions=class_means(unit, intents, len(self.intents)) if self.intents else None,
            faq_loss=self.loss.for_counts(class_counts(faqs, len(self._faq_number))),
            intent_loss=self.loss.for_counts(class_counts(intents, len(self.intents))),
        )

    @property
    def faq_ids(self) -> list[str]:
        """FAQ ids in the order of the prototypes."""
        return list(self._faq_number)

    def input(self, record: Example) -> str:
        """The question."""
        return record.text

    def collate(self, records: Sequence[Example], tokenize: Tokenize) -> Batch:
        """Token ids and the numbers of FAQ and intent."""
        batch = tokenize([record.text for record in records])
        batch["faq"] = torch.tensor([self._faq(record) for record in records])
        batch["intent"] = torch.tensor([self._intent(record) for record in records])
        return batch

    def measure(self, predict: Predict, records: Sequence[Example]) -> dict[str, float]:
        """Recall at 1 and 3 and reciprocal rank of the right FAQ; accuracy and macro F1 of intents.

        FAQs are ranked by their prototypes: to encode every variant after each epoch would take
        as long as the epoch.
        """
        outputs = predict([record.text for record in records])
        metrics: dict[str, float] = {}
        if self.knowledge:
            metrics |= self._measure_retrieval(outputs["faq_logits"], records)
        known = [i for i, record in enumerate(records) if self._intent(record) != UNKNOWN]
        if self.intents and known:
            logits = outputs["intent_logits"]
            target = torch.tensor([self._intent(records[i]) for i in known])
            predicted = logits[known].argmax(-1)
            metrics["intent_accuracy"] = accuracy(predicted, target)
            metrics["intent_macro_f1"] = f1(predicted, target, average="macro")
        return metrics

    def _measure_retrieval(self, scores: Tensor, records: Sequence[Example]) -> dict[str, float]:
        asked = [i for i, record in enumerate(records) if record.faq_id in self._faq_number]
        if not asked:
            return {}
        target = torch.tensor([self._faq(records[i]) for i in asked])
        return {
            "recall_at_1": recall_at_k(scores[asked], target, 1),
            "recall_at_3": recall_at_k(scores[asked], target, 3),
            "reciprocal_rank": mean_reciprocal_rank(scores[asked], target),
        }

    def label(self, record: Example) -> int | None:
        """Number of the FAQ where there are FAQs, else of the intent."""
        number = self._faq(record) if self._faq_number else self._intent(record)
        return number if number >= 0 else None

    def named(self) -> dict[str, Example]:
        """The intents whose names are words."""
        said = {name: spoken(name) for name in self._intent_number if name != OUT_OF_SCOPE}
        return {name: Example(words, None, name) for name, words in said.items() if words}

    def labels_of(self, record: Example) -> Sequence[str]:
        """Its intent, where it is known."""
        return [record.intent] if record.intent else []

    def _faq(self, example: Example) -> int:
        if example.intent == OUT_OF_SCOPE:
            return OUTSIDE
        return self._faq_number.get(example.faq_id or "", UNKNOWN)

    def _intent(self, example: Example) -> int:
        return self._intent_number.get(example.intent or "", UNKNOWN)
