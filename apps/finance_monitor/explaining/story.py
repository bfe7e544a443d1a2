"""Why a story has its sentiment and its topics."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from apps.finance_monitor.data import Example
from apps.finance_monitor.schema import SENTIMENTS
from apps.finance_monitor.stories.classifying import TOPIC_FROM, Classifier, Reading
from apps.finance_monitor.stories.text import LONGEST_TEXT, prepare, spell_tickers
from common.evaluation.explanation.attribution import (
    Attribution,
    Method,
    integrated_gradients,
    occlusion,
)
from common.evaluation.explanation.explanation import Explanation
from common.evaluation.explanation.neighbours import Examples
from common.models.heads import CosineClassifier
from common.models.prediction import predict

LOG_ODDS = "log odds"
# Of a probability that is none: its logarithm would be no number.
LEAST_SHARE = 1e-15


def explain_story(
    classifier: Classifier, text: str, method: Method, learned: Examples | None = None
) -> Explanation:
    """The words that moved the sentiment and each topic, and the nearest training texts.

    Topics that words alone take part in are explained by occlusion, for those have no gradient.

    Args:
        text: as a user writes it.
        learned: what the release learned from; None: no neighbours.
    """
    text = text[:LONGEST_TEXT]
    read = spell_tickers(prepare(text), classifier.tickers)
    reading = classifier.read([read])[0]
    found = []
    if (sentiment := _sentiment(classifier, reading)) is not None:
        found.append(_sentiment_words(classifier, text, read, sentiment, method))
    for number in _topics(classifier, reading):
        found.append(_topic_words(classifier, text, read, number, method))
    neighbours = learned.nearest(_vectors(classifier, [read])[0]) if learned else []
    return Explanation(classifier.release_id, text, found, neighbours)


def learned_from(classifier: Classifier, examples: Sequence[Example]) -> Examples:
    """The training texts as the release reads them; labels as a person would say them."""
    texts = [example.text for example in examples]
    labels = [
        ", ".join([example.target or example.sentiment or "", *(example.topics or ())]).strip(", ")
        for example in examples
    ]
    return Examples(texts, labels, _vectors(classifier, texts))


def _vectors(classifier: Classifier, texts: Sequence[str]) -> NDArray[np.float32]:
    if not texts:
        return np.empty((0, 0), dtype=np.float32)
    outputs = predict(
        classifier.module,
        classifier.backbone,
        texts,
        precision=classifier.precision,
        what="Reading the training texts",
    )
    return np.asarray(outputs["embedding"].numpy(), dtype=np.float32)


def _sentiment(classifier: Classifier, reading: Reading) -> int | None:
    probabilities = _of_sentiment(reading)
    return None if probabilities is None else int(probabilities.argmax())


def _of_sentiment(reading: Reading) -> NDArray[np.float64] | None:
    """Where only sentiment towards companies was learned, that."""
    return reading.target if reading.sentiment is None else reading.sentiment


def _topics(classifier: Classifier, reading: Reading) -> list[int]:
    """The topics that are found; the likeliest where none is, or where there is just one."""
    if reading.topics is None:
        return []
    several = classifier.module.topic_bias is not None
    found = np.flatnonzero(reading.topics >= TOPIC_FROM).tolist() if several else []
    return found or [int(reading.topics.argmax())]


def _sentiment_words(
    classifier: Classifier, text: str, read: str, number: int, method: Method
) -> Attribution:
    module = classifier.module
    name = "target" if module.sentiments is None else "sentiment"
    head = module.targets if module.sentiments is None else module.sentiments
    assert head is not None

    def shares(reading: Reading) -> tuple[float, float]:
        found = _of_sentiment(reading)
        assert found is not None
        return _against_others(found, number)

    gradient = _softmax_odds(head, number, classifier.temperatures.get(name, 1.0))
    return _attribution(classifier, SENTIMENTS[number], text, read, method, gradient, shares)


def _topic_words(
    classifier: Classifier, text: str, read: str, number: int, method: Method
) -> Attribution:
    module, topic = classifier.module, classifier.topics[number]

    def shares(reading: Reading) -> tuple[float, float]:
        assert reading.topics is not None
        if module.topic_bias is None:
            return _against_others(reading.topics, number)
        return float(reading.topics[number]), 1 - float(reading.topics[number])

    def gradient(pooled: Tensor) -> Tensor:
        logits = module.topic_logits_of(pooled) / classifier.temperatures.get("topic", 1.0)
        return logits[:, number] if module.topic_bias is not None else _odds(logits, number)

    by = "occlusion" if module.topic_words is not None else method
    return _attribution(classifier, topic, text, read, by, gradient, shares)


def _attribution(
    classifier: Classifier,
    towards: str,
    text: str,
    read: str,
    method: Method,
    gradient: Callable[[Tensor], Tensor],
    shares: Callable[[Reading], tuple[float, float]],
) -> Attribution:
    def log_odds(texts: Sequence[str]) -> NDArray[np.float64]:
        readings = classifier.read([prepare(one) for one in texts])
        found = np.log(np.maximum([shares(reading) for reading in readings], LEAST_SHARE))
        return np.asarray(found[:, 0] - found[:, 1])

    if method == "gradients":
        pooled = classifier.module.pooled
        words = integrated_gradients(classifier.backbone, pooled, text, read, gradient)
    else:
        words = occlusion(text, log_odds)
    return Attribution(towards, float(log_odds([text])[0]), LOG_ODDS, method, words)


def _against_others(probabilities: NDArray[np.float64], number: int) -> tuple[float, float]:
    """Of one class, and of all others: one less the first would be nothing where it is sure."""
    return float(probabilities[number]), float(np.delete(probabilities, number).sum())


def _softmax_odds(
    head: CosineClassifier, number: int, temperature: float
) -> Callable[[Tensor], Tensor]:
    return lambda pooled: _odds(head(pooled).float() / temperature, number)


def _odds(logits: Tensor, number: int) -> Tensor:
    """[batch, classes] → [batch], ln(p / (1 − p)) of one class."""
    others = [other for other in range(logits.shape[1]) if other != number]
    return logits[:, number] - torch.logsumexp(logits[:, others], dim=1)
