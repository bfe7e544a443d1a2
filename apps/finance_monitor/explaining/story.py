"""Why a story has its sentiment and its topics."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit, logsumexp

from apps.finance_monitor.data import Example
from apps.finance_monitor.direction.weighing import Towards
from apps.finance_monitor.schema import SENTIMENTS
from apps.finance_monitor.stories.classifying import TOPIC_FROM, Classifier, Reading
from apps.finance_monitor.stories.text import LONGEST_TEXT, prepare, spell_tickers
from apps.finance_monitor.targets.pointing import CLOSING, OPENING, Span, point_at
from common.evaluation.explanation.attribution import (
    Attribution,
    Method,
    integrated_gradients,
    occlusion,
)
from common.evaluation.explanation.explanation import Explanation
from common.evaluation.explanation.neighbours import Examples
from common.evaluation.explanation.words import Word, places_in

if TYPE_CHECKING:
    from torch import Tensor

    from common.models.heads import Head

LOG_ODDS = "log odds"
# Of a probability that is none: its logarithm would be no number.
LEAST_SHARE = 1e-15


def explain_story(
    classifier: Classifier, text: str, method: Method, learned: Examples | None = None
) -> Explanation:
    """The words that moved the sentiment and each topic, and the nearest training texts.

    Topics and sentiments that words take part in by themselves are explained by occlusion, for
    words have no gradient.

    Args:
        text: as a user writes it.
        learned: what the release learned from; None: no neighbours.
    """
    text = text[:LONGEST_TEXT]
    read = spell_tickers(prepare(text), classifier.tickers)
    reading = classifier.read([read])[0]
    found = []
    if (sentiment := _sentiment(classifier, reading)) is not None:
        head: Towards = "sentiment" if reading.sentiment is not None else "target"
        found.append(_sentiment_words(classifier, text, read, sentiment, method, head))
    for number in _topics(classifier, reading):
        found.append(_topic_words(classifier, text, read, number, method))
    neighbours = learned.nearest(_vectors(classifier, [read])[0]) if learned else []
    return Explanation(classifier.release_id, text, found, neighbours)


def explain_towards(
    classifier: Classifier,
    text: str,
    company: str,
    named: Mapping[str, Sequence[Span]],
    method: Method,
    learned: Examples | None = None,
) -> Explanation:
    """The words that moved what a text says of one company, by a release that learned that.

    Args:
        named: as `companies_in` has the companies of the text.
    """
    text = text[:LONGEST_TEXT]
    spans = _places(text, named.get(company, ()))
    pointed = point_at(text, company, {company: spans})
    read = spell_tickers(prepare(pointed), classifier.tickers)
    shares = classifier.read([read])[0].target
    assert shares is not None
    found = _sentiment_words(classifier, pointed, read, int(shares.argmax()), method, "target")
    found = replace(found, words=_unpointed(found.words, pointed, text if not spans else None))
    neighbours = learned.nearest(_vectors(classifier, [read])[0]) if learned else []
    return Explanation(classifier.release_id, text, [found], neighbours)


def _places(text: str, spans: Sequence[Span]) -> list[Span]:
    """Spans of a prepared text, in the text as its user wrote it."""
    places = places_in(prepare(text), text)
    ends = [(places[start], places[stop - 1]) for start, stop in spans]
    return [(start, last + 1) for start, last in ends if start is not None and last is not None]


def _unpointed(words: Sequence[Word], pointed: str, behind: str | None) -> list[Word]:
    """The same words, with their places in the text before `point_at`.

    Args:
        behind: that text, where the name was put in front of it.
    """
    lead = 0 if behind is None else len(pointed) - len(behind)
    marks = [] if lead else [at for at, letter in enumerate(pointed) if letter in OPENING + CLOSING]
    moved = []
    for word in words:
        by = lead + bisect_left(marks, word.start)
        if word.start >= lead:
            moved.append(replace(word, start=word.start - by, end=word.end - by))
    return moved


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
    # By the weights, as the heads that its vectors go through below.
    return classifier.network.trained.outputs(texts)["embedding"]


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
    several = classifier.network.has_many_topics
    found = np.flatnonzero(reading.topics >= TOPIC_FROM).tolist() if several else []
    return found or [int(reading.topics.argmax())]


def _sentiment_words(
    classifier: Classifier, text: str, read: str, number: int, method: Method, name: Towards
) -> Attribution:
    module = classifier.module
    head = module.targets if name == "target" else module.sentiments
    assert head is not None
    temperature = classifier.temperatures.get(name, 1.0)
    odds = _softmax_odds(head, number, temperature)

    direction = classifier.direction

    def of_texts(texts: Sequence[str]) -> NDArray[np.float64]:
        if direction is None:
            return _of_vectors(classifier, texts, odds)
        spelled = [spell_tickers(prepare(one), classifier.tickers) for one in texts]
        logits = classifier.network.trained.outputs(spelled)[f"{name}_logits"]
        bent = direction.bend(logits, spelled, name) / temperature
        return np.asarray(bent[:, number] - logsumexp(np.delete(bent, number, axis=1), axis=1))

    by = "occlusion" if direction and direction.speaks(read, name) else method
    return _attribution(classifier, SENTIMENTS[number], text, read, by, odds, of_texts)


def _topic_words(
    classifier: Classifier, text: str, read: str, number: int, method: Method
) -> Attribution:
    module = classifier.module

    def odds(pooled: Tensor) -> Tensor:
        logits = module.topic_logits_of(pooled) / classifier.temperatures.get("topic", 1.0)
        return logits[:, number] if module.topic_bias is not None else _odds(logits, number)

    def of_texts(texts: Sequence[str]) -> NDArray[np.float64]:
        if module.topic_words is None:
            return _of_vectors(classifier, texts, odds)
        readings = classifier.read([prepare(one) for one in texts])
        shares = np.array([reading.topics[number] for reading in readings])  # type: ignore[index]
        return np.asarray(logit(shares.astype(float).clip(LEAST_SHARE, 1 - LEAST_SHARE)))

    by = "occlusion" if module.topic_words is not None else method
    return _attribution(classifier, classifier.topics[number], text, read, by, odds, of_texts)


def _of_vectors(
    classifier: Classifier, texts: Sequence[str], odds: Callable[[Tensor], Tensor]
) -> NDArray[np.float64]:
    """Log odds straight from the heads: of a probability next to 1 they would not tell apart."""
    import torch

    read = [spell_tickers(prepare(one), classifier.tickers) for one in texts]
    vectors = torch.from_numpy(_vectors(classifier, read))
    device = next(classifier.module.parameters()).device
    with torch.no_grad():
        return np.asarray(odds(vectors.to(device)).double().cpu().numpy())


def _attribution(
    classifier: Classifier,
    towards: str,
    text: str,
    read: str,
    method: Method,
    odds: Callable[[Tensor], Tensor],
    of_texts: Callable[[Sequence[str]], NDArray[np.float64]],
) -> Attribution:
    if method == "gradients":
        pooled = classifier.module.pooled
        words = integrated_gradients(classifier.backbone, pooled, text, read, odds)
    else:
        words = occlusion(text, of_texts)
    return Attribution(towards, float(of_texts([text])[0]), LOG_ODDS, method, words)


def _softmax_odds(head: Head, number: int, temperature: float) -> Callable[[Tensor], Tensor]:
    return lambda pooled: _odds(head(pooled).float() / temperature, number)


def _odds(logits: Tensor, number: int) -> Tensor:
    """[batch, classes] → [batch], ln(p / (1 − p)) of one class."""
    import torch

    others = [other for other in range(logits.shape[1]) if other != number]
    return logits[:, number] - torch.logsumexp(logits[:, others], dim=1)
