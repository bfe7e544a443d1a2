"""A model whose heads grow: what it knows stays, and new labels start from their texts."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from apps.finance_monitor.data import Example
from apps.finance_monitor.schema import SENTIMENTS
from apps.finance_monitor.stories.classifying import Classifier
from apps.finance_monitor.stories.news_model import NewsModel
from apps.finance_monitor.task import FinanceMonitorTask
from common.errors import UserError
from common.models.devices import pick_device, pick_precision
from common.models.encoder import Encoder
from common.models.heads import Embedder
from common.models.prediction import predict
from common.tuning.continual.carrying import Classes, carry_over
from common.tuning.continual.discriminant import KernelDiscriminant
from common.tuning.continual.terms import continual_terms
from common.tuning.imbalance import ClassLoss
from common.tuning.settings import Settings
from common.tuning.task import LossTerm


def growing_task(
    known: Sequence[Example], old: Classifier, settings: Settings
) -> FinanceMonitorTask:
    """What `old` and the texts that are `known`, old and new, tell apart together.

    Raises:
        UserError: no text is left of an old topic.
    """
    found = {name for example in known for name in example.topics or ()}
    if gone := sorted({*old.topics} - found):
        raise UserError(
            f"no text is left of the topics {', '.join(gone)}, which the release knows",
            hint="Give some in --news, or train from the beginning, without --from.",
        )
    topics = sorted(found) if len(found) > 1 else []
    task = FinanceMonitorTask(known, topics, ClassLoss.of(settings))
    task.has_sentiment |= old.module.sentiments is not None
    task.has_targets |= old.module.targets is not None
    # Where a text first has several topics, a softmax becomes a sigmoid for each.
    if old.module.topic_bias is not None:
        task.single_topic = False
    return task


def grow(
    task: FinanceMonitorTask, old: Classifier, exemplars: Sequence[Example], settings: Settings
) -> tuple[NewsModel, list[LossTerm]]:
    """Heads that know the old labels, and what is added to the loss.

    Args:
        exemplars: old texts.

    Raises:
        UserError: kernel discriminants cannot tell the labels apart.
    """
    device = pick_device(settings.device)
    module = task.build(old.backbone, pick_precision(settings.precision, device)).to(device)
    if settings.is_frozen:
        if settings.mechanisms == ("klda",):
            _fit_discriminants(task, module, old.backbone, settings)
        return module, []
    topics = Classes(old.topics, task.topics)
    carry_over(module, old.module, {"topics.directions": topics, "topic_bias": topics})
    columns = {}
    if old.topics:
        columns["topic_logits"] = topics.columns
    for name in ("sentiment", "target"):
        if getattr(old.module, f"{name}s") is not None:
            columns[f"{name}_logits"] = [*range(len(SENTIMENTS))]
    texts = [example.text for example in exemplars]
    return module, continual_terms(settings, module, old.module, old.backbone, texts, columns)


def _fit_discriminants(
    task: FinanceMonitorTask, module: NewsModel, encoder: Encoder, settings: Settings
) -> None:
    """Put kernel discriminants where the heads are."""
    if task.topics and not task.single_topic:
        raise UserError(
            "continual=klda tells classes apart that exclude each other, and texts have several "
            "topics",
            hint="Take --set continual=nearest-mean, or replay.",
        )
    reader = Embedder(module.pooled)
    texts = [example.text for example in task.training]
    vectors = predict(reader, encoder, texts)["embedding"]
    device = next(module.parameters()).device
    for head, labels, names in (
        ("sentiments", [one.sentiment for one in task.training], SENTIMENTS),
        ("targets", [one.target for one in task.training], SENTIMENTS),
        ("topics", [(one.topics or (None,))[0] for one in task.training], task.topics),
    ):
        known = [row for row, label in enumerate(labels) if label in names]
        if getattr(module, head) is None or not known:
            continue
        found = KernelDiscriminant(encoder.dimension, settings.klda_features, seed=settings.seed)
        found.update(vectors[torch.tensor(known)], [str(labels[row]) for row in known])
        if missing := [name for name in names if name not in found.counts]:
            raise UserError(
                f"continual=klda: no text is {' or '.join(missing)}, and the head tells it",
                hint="Take --set continual=nearest-mean, or replay.",
            )
        setattr(module, head, found.classifier(names).to(device))
