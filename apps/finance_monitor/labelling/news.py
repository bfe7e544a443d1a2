"""News as the verbs about labels take it: what is labelled, and what a release makes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from apps.finance_monitor.data import Sources, read_news
from apps.finance_monitor.schema import SENTIMENTS, TrainingRecord
from apps.finance_monitor.stories.classifying import TOPIC_FROM, Classifier
from apps.finance_monitor.stories.text import prepare
from common.learning.labelling.asking import Read, check_wanted
from common.learning.labelling.doubts import Field, Labelled
from common.models.heads import Embedder
from common.models.prediction import predict
from common.tuning.labelling.suggestions import margins


def labelled_fields(sources: Sources) -> list[Field]:
    """The sentiments and the topics of `sources.news`; targets are not looked at."""
    sentiments, topics = [], []
    for file in read_news(sources):
        for record, place in zip(file.items, file.short_places, strict=True):
            text = prepare(record.content)
            if record.sentiment is not None:
                sentiments.append(Labelled(text, (record.sentiment,), place))
            if record.topics is not None:
                topics.append(Labelled(text, tuple(record.topics), place))
    several = any(len(one.labels) != 1 for one in topics)
    return [Field("sentiment", sentiments), Field("topics", topics, several)]


def shown_text(record: TrainingRecord) -> str:
    """The text by which a correction is matched with its record."""
    return prepare(record.content)


def asked_label(manifest: Mapping[str, Any], wanted: str | None = None) -> str:
    """What is to be labelled: the sentiment, or the topics where a release knows no other.

    Args:
        wanted: which of both; None: as above.

    Raises:
        UserError: the release does not tell it.
    """
    told = ["sentiment"] if "sentiment_f1" in manifest["after"] else []
    told += ["topics"] if manifest["topics"] else []
    check_wanted(wanted, told)
    return wanted or told[0]


def read_by(classifier: Classifier, label: str, texts: Sequence[str]) -> Read:
    """What a release makes of prepared `texts`.

    Args:
        label: as `asked_label` gives it.
    """
    module = classifier.module
    names: Sequence[str] = classifier.topics if label == "topics" else SENTIMENTS
    several = label == "topics" and module.topic_bias is not None
    readings = classifier.read(texts)
    outputs = predict(Embedder(module.pooled), classifier.backbone, texts)
    found = [one.topics if label == "topics" else one.sentiment for one in readings]
    probabilities = np.stack([one for one in found if one is not None])
    least = TOPIC_FROM if several else probabilities.max(1, keepdims=True)
    suggested = [
        "|".join(names[number] for number in np.flatnonzero(row).tolist())
        for row in probabilities >= least
    ]
    vectors = outputs["embedding"].numpy()
    return Read(suggested, margins(probabilities, several=several), vectors)
