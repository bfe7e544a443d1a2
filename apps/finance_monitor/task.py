"""What the core fine-tunes for the finance monitor: one encoder, three heads, one forward pass."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from apps.finance_monitor.data import Example, apart
from apps.finance_monitor.schema import SENTIMENTS
from apps.finance_monitor.targets.pooling import target_pooling
from apps.finance_monitor.training.batches import opposite_rows
from common.evaluation.metrics import accuracy, f1
from common.models.heads import CosineClassifier, Embedder, Head, class_means
from common.models.ngrams import NgramClassifier, fit_ngrams
from common.models.pooling import PooledEncoder
from common.models.prediction import predict
from common.tuning.imbalance import ClassLoss, HeadLoss, class_counts
from common.tuning.label_names import spoken
from common.tuning.losses import paired
from common.tuning.task import Batch, EncoderModule, Metric, Predict

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


class NewsModel(EncoderModule):
    """Sentiment, topics and sentiment towards a marked target, from one pass.

    Args:
        sentiments: [width] → [3], the labels in the order of `SENTIMENTS`, or None.
        topics: [width] → [topics], or None.
        targets: [width] → [3], or None.
        topic_bias: [topics], subtracted from the cosines; None: every text has exactly one
            topic, and a softmax goes over them.
        topic_words: added to the topics' logits. It is fitted by itself and joins after
            fine-tuning: on texts that it learned by heart, the encoder would learn nothing.
        losses: how each of the logits is learned, by their names; a plain loss if not given.
        pair_weight: what `losses.paired` counts beside them.
    """

    is_record_by_record = True
    between_records = frozenset({"opposite"})

    def __init__(
        self,
        pooled: PooledEncoder,
        *,
        sentiments: Head | None,
        topics: Head | None,
        targets: Head | None,
        topic_bias: Tensor | None,
        topic_words: NgramClassifier | None = None,
        losses: Mapping[str, HeadLoss] | None = None,
        pair_weight: float = 0.0,
    ) -> None:
        super().__init__()
        self.pooled = pooled
        self.sentiments = sentiments
        self.topics = topics
        self.topic_bias = None if topic_bias is None else nn.Parameter(topic_bias)
        self.topic_words = topic_words
        self.targets = targets
        self.pair_weight = pair_weight
        heads = ("sentiment_logits", "topic_logits", "target_logits")
        given = losses or {}
        self.losses = nn.ModuleDict(
            {name: given[name] if name in given else HeadLoss(ClassLoss()) for name in heads}
        )

    @property
    def independent_logits(self) -> Iterable[str]:
        """The topics, where a text may have several."""
        return () if self.topic_bias is None else ("topic_logits",)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        sentiment: Tensor | None = None,
        topics: Tensor | None = None,
        target: Tensor | None = None,
        opposite: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Logits for each text; with labels, the loss.

        Args:
            sentiment, target: [batch], class numbers; -1: not known.
            topics: [batch, topics] of 0 and 1; a row of -1: not known.
            opposite: [batch], the row of the other text of a pair; -1: in none.

        Returns:
            `embedding` [batch, width] of length 1; `sentiment_logits` [batch, 3],
            `topic_logits` [batch, topics] and `target_logits` [batch, 3], each where its head is.
        """
        pooled = self.pooled(input_ids, attention_mask)
        outputs = {"embedding": functional.normalize(pooled.float(), dim=-1)}
        if self.sentiments is not None:
            outputs["sentiment_logits"] = self.sentiments(pooled).float()
        if self.topics is not None:
            outputs["topic_logits"] = self.topic_logits_of(pooled).float()
            if self.topic_words is not None:
                outputs["topic_logits"] += self.topic_words(input_ids, attention_mask)
        if self.targets is not None:
            outputs["target_logits"] = self.targets(pooled).float()
        if sentiment is not None and topics is not None and target is not None:
            outputs["loss"] = self._loss(outputs, sentiment, topics, target)
            if opposite is not None and self.sentiments is not None:
                of_pairs = paired(outputs["sentiment_logits"], sentiment, opposite)
                outputs["loss"] = outputs["loss"] + self.pair_weight * of_pairs
        return outputs

    def topic_logits_of(self, pooled: Tensor) -> Tensor:
        """What the encoder alone says of the topics: [batch, width] → [batch, topics]."""
        assert self.topics is not None
        logits: Tensor = self.topics(pooled)
        if self.topic_bias is None:
            return logits
        assert isinstance(self.topics, CosineClassifier)
        return logits - self.topics.log_scale.exp() * self.topic_bias

    def _loss(
        self, outputs: dict[str, Tensor], sentiment: Tensor, topics: Tensor, target: Tensor
    ) -> Tensor:
        # A head without a label in the batch must still have a gradient, for several processes.
        loss = sum((o.sum() * 0.0 for o in outputs.values()), start=torch.tensor(0.0))
        for name, labels in (("sentiment_logits", sentiment), ("target_logits", target)):
            if name in outputs:
                loss = loss + self._head_loss(name).classes(outputs[name], labels)
        known = (topics >= 0).all(-1) & (topics.shape[-1] > 0)
        if "topic_logits" in outputs and bool(known.any()):
            loss = loss + self._topic_loss(outputs["topic_logits"][known], topics[known])
        return loss

    def _topic_loss(self, logits: Tensor, topics: Tensor) -> Tensor:
        head = self._head_loss("topic_logits")
        if self.topic_bias is None:
            return head.classes(logits, topics.argmax(-1))
        return head.labels(logits, topics)

    def _head_loss(self, name: str) -> HeadLoss:
        head = self.losses[name]
        assert isinstance(head, HeadLoss)
        return head


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

    def named(self) -> list[Example]:
        """The topics whose names are words."""
        said = {name: spoken(name) for name in self.topics}
        return [Example(words, topics=(name,)) for name, words in said.items() if words]

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
