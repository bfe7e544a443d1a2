"""Which label unlabelled news is given for a second round."""

from __future__ import annotations

from dataclasses import replace

from apps.finance_monitor.data import Dataset, Example
from apps.finance_monitor.schema import SENTIMENTS
from apps.finance_monitor.task import FinanceMonitorTask
from common.errors import UserError
from common.tuning.labelling.pseudo_labels import Facet


def facet_of(task: FinanceMonitorTask, dataset: Dataset) -> Facet[Example] | None:
    """The sentiment, or the topic where there are no sentiments and every text has one topic.

    None where nothing is unlabelled.

    Raises:
        UserError: there is neither, or nothing validates it.
    """
    if not dataset.unlabelled:
        return None
    if task.has_sentiment:
        facet: Facet[Example] = Facet(
            "sentiment_logits",
            SENTIMENTS,
            lambda one: -1 if one.sentiment is None else _number(SENTIMENTS, one.sentiment),
            lambda one, number: replace(one, sentiment=SENTIMENTS[number]),
        )
    elif task.single_topic and task.topics:
        facet = Facet(
            "topic_logits",
            task.topics,
            lambda one: _number(task.topics, one.topics[0]) if one.topics else -1,
            lambda one, number: replace(one, topics=(task.topics[number],)),
        )
    else:
        raise UserError(
            "--unlabelled: a text can be given a sentiment, or its only topic, and there are none",
            hint="Leave --unlabelled out.",
        )
    if not any(facet.number(one) >= 0 for one in dataset.splits.validation):
        raise UserError("--unlabelled: no validation record says how sure the model may be")
    return facet


def _number(names: tuple[str, ...] | list[str], name: str) -> int:
    return names.index(name) if name in names else -1
