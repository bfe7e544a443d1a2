"""What the core fine-tunes for the finance monitor: sentiment, topics and targets of news."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from apps.finance_monitor.data import Example, apart
from apps.finance_monitor.schema import SENTIMENTS
from apps.finance_monitor.stories.news_model import NewsModel
from apps.finance_monitor.targets.pooling import target_pooling
from apps.finance_monitor.training.batches import opposite_rows
from common.evaluation.metrics import accuracy, f1
from common.models.heads import CosineClassifier, Embedder, class_means
from common.models.ngrams import NgramClassifier, fit_ngrams
from common.models.prediction import predict
from common.tuning.imbalance import ClassLoss, HeadLoss, class_counts
from common.tuning.label_names import spoken
from common.tuning.task import Batch, Metric, Predict

if TYPE_CHECKING:
    from common.models.encoder import Encoder
    from common.tuning.task import Tokenize

UNKNOWN = -1
# What may choose the best evaluation, the usual ones first.
FIGURES = (
    *("sentiment_f1", "topic_f1", "target_f1"),
    *("sentiment_macro_f1", "topic_macro_f1", "target_macro_f1"),
    *("sentiment_accuracy", "target_accuracy"),
)


class FinanceMonitorTask:
    """Sentiment, topics and targets, whichever of them the records have.

    Args:
        training: what is learned from; heads start from the class means of its texts.
        topics: names in the order of the logits.
        loss: how the labels are learned.
        pair_weight: what it counts which text of a pair has which sentiment.
    """

    name = "finance_monitor"

    def __init__(
        self,
        training: Sequence[Example],
        topics: Sequence[str],
        loss: ClassLoss | None = None,
        pair_weight: float = 0.0,
    ) -> None:
        self.training = apart(training)
        self.topics = list(topics)
        self.loss = loss or ClassLoss()
        self.pair_weight = pair_weight
        labelled = [e.topics for e in training if e.topics is not None]
        self.single_topic = bool(labelled) and all(len(found) == 1 for found in labelled)
        self.has_sentiment = any(e.sentiment for e in training)
        self.has_targets = any(e.target for e in training)
        self.monitors = tuple(map(Metric, FIGURES))
        self._topic_number = {name: number for number, name in enumerate(self.topics)}

    def build(self, backbone: Encoder, precision: str = "fp32") -> NewsModel:
        """Heads on the encoder, each direction the mean of its class."""
        pooled = target_pooling(backbone) if self.has_targets else backbone.pooled()
        texts, what = [one.text for one in self.training], "Reading the training texts"
        found = predict(Embedder(pooled), backbone, texts, precision=precision, what=what)
        unit = functional.normalize(found["embedding"], dim=-1)
        sentiment = torch.tensor([_label(e.sentiment) for e in self.training])
        target = torch.tensor([_label(e.target) for e in self.training])
        topics, topic_bias = self._topic_start(unit) if self.topics else (None, None)
        return NewsModel(
            pooled,
            sentiments=_means(unit, sentiment) if self.has_sentiment else None,
            topics=None if topics is None else CosineClassifier(topics),
            targets=_means(unit, target) if self.has_targets else None,
            topic_bias=None if self.single_topic else topic_bias,
            losses=self._losses(sentiment, target),
            pair_weight=self.pair_weight,
        )

    def _losses(self, sentiment: Tensor, target: Tensor) -> dict[str, HeadLoss]:
        """Each head's loss, fitted to how often its labels are there."""
        found = {
            name: self.loss.for_counts(class_counts(labels, len(SENTIMENTS)))
            for name, labels in (("sentiment_logits", sentiment), ("target_logits", target))
        }
        if self.topics:
            members = self.members(self.training)
            known = members[(members >= 0).all(-1)]
            total = None if self.single_topic else len(known)
            found["topic_logits"] = self.loss.for_counts(known.sum(0), total)
        return found

    def _topic_start(self, unit: Tensor) -> tuple[Tensor, Tensor]:
        """Class means, and the cosine half way between a topic's texts and all others."""
        labels = self.members(self.training)
        known = (labels >= 0).all(-1)
        member, unit = labels[known].float(), unit[known]
        means = member.T @ unit / member.sum(0).clamp(min=1)[:, None]
        cosines = unit @ functional.normalize(means, dim=-1).T
        inside = (cosines * member).sum(0) / member.sum(0).clamp(min=1)
        outside = (cosines * (1 - member)).sum(0) / (1 - member).sum(0).clamp(min=1)
        return means, (inside + outside) / 2

    def topic_words(self, backbone: Encoder) -> NgramClassifier:
        """What the words of the training texts say about topics."""
        known = [example for example in self.training if example.topics is not None]
        members = self.members(known)
        labels = members.argmax(-1) if self.single_topic else members
        return fit_ngrams(backbone, [example.text for example in known], labels)

    def input(self, record: Example) -> str:
        """The text."""
        return record.text

    def collate(self, records: Sequence[Example], tokenize: Tokenize) -> Batch:
        """Token ids and the labels, -1 where one is not known; of a pair, both texts."""
        opposite, records = opposite_rows(records), apart(records)
        batch = tokenize([record.text for record in records]) | opposite
        batch["sentiment"] = torch.tensor([_label(record.sentiment) for record in records])
        batch["target"] = torch.tensor([_label(record.target) for record in records])
        return batch | {"topics": self.members(records)}

    def measure(self, predict: Predict, records: Sequence[Example]) -> dict[str, float]:
        """Weighted and macro F1 and accuracy of sentiment and target; micro and macro of topics.

        Of those that some record has a label for.
        """
        outputs = predict([record.text for record in records])
        metrics: dict[str, float] = {}
        for name, labels in (
            ("sentiment", [_label(record.sentiment) for record in records]),
            ("target", [_label(record.target) for record in records]),
        ):
            known = [i for i, label in enumerate(labels) if label != UNKNOWN]
            if f"{name}_logits" in outputs and known:
                predicted = outputs[f"{name}_logits"][known].argmax(-1)
                right = torch.tensor([labels[i] for i in known])
                metrics[f"{name}_f1"] = f1(predicted, right, average="weighted")
                metrics[f"{name}_macro_f1"] = f1(predicted, right, average="macro")
                metrics[f"{name}_accuracy"] = accuracy(predicted, right)
        if self.topics and any(record.topics is not None for record in records):
            metrics |= self._measure_topics(outputs["topic_logits"], records)
        return metrics

    def _measure_topics(self, logits: Tensor, records: Sequence[Example]) -> dict[str, float]:
        known = [i for i, record in enumerate(records) if record.topics is not None]
        right = self.members([records[i] for i in known])
        chosen = chosen_topics(logits[known], single=self.single_topic)
        return {
            "topic_f1": f1(chosen, right, average="micro"),
            "topic_macro_f1": f1(chosen, right, average="macro"),
        }

    def named(self) -> dict[str, Example]:
        """The topics whose names are words."""
        said = {name: spoken(name) for name in self.topics}
        return {name: Example(words, topics=(name,)) for name, words in said.items() if words}

    def labels_of(self, record: Example) -> Sequence[str]:
        """Its topics."""
        return record.topics or ()

    def label(self, record: Example) -> int | None:
        """Number of the sentiment where sentiments are learned, else of the target's or topic."""
        if self.has_sentiment:
            number = _label(record.sentiment)
        elif self.has_targets:
            number = _label(record.target)
        else:
            number = self._topic_number.get((record.topics or ("",))[0], UNKNOWN)
        return number if number >= 0 else None

    def members(self, records: Sequence[Example]) -> Tensor:
        """[records, topics] of 0 and 1; a row of -1 where the topics are not known."""
        return torch.stack([self._topics(record) for record in records])

    def _topics(self, example: Example) -> Tensor:
        if example.topics is None:
            return torch.full((len(self.topics),), UNKNOWN)
        numbers = {self._topic_number[name] for name in example.topics if name in self.topics}
        return torch.tensor([int(n in numbers) for n in range(len(self.topics))], dtype=torch.long)


def chosen_topics(logits: Tensor, *, single: bool) -> Tensor:
    """[texts, topics] → 0 and 1: the most probable, or all that are more likely than not."""
    if single:
        return functional.one_hot(logits.argmax(-1), logits.shape[-1])
    return (logits > 0).long()


def _label(name: str | None) -> int:
    return SENTIMENTS.index(name) if name in SENTIMENTS else UNKNOWN


def _means(unit: Tensor, labels: Tensor) -> CosineClassifier:
    return CosineClassifier(class_means(unit, labels, len(SENTIMENTS)))
