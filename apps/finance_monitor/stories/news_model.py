"""The model that reads news: one encoder, three heads, one forward pass."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from common.models.heads import CosineClassifier, Head
from common.models.ngrams import NgramClassifier
from common.models.pooling import PooledEncoder
from common.tuning.imbalance import ClassLoss, HeadLoss
from common.tuning.losses import paired
from common.tuning.task import EncoderModule


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
