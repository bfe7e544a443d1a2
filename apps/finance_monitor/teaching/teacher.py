"""What a release makes of news, for another that learns from it."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from apps.finance_monitor.release import load_release
from apps.finance_monitor.task import FinanceMonitorTask
from common.errors import UserError
from common.models.devices import pick_device, pick_precision
from common.models.prediction import predict
from common.releases.registry import Registry
from common.tuning.distillation.teaching import Teach, in_order_of
from common.tuning.settings import Settings


def teacher_of(
    registry: Registry, release_id: str | None, task: FinanceMonitorTask, settings: Settings
) -> Teach | None:
    """A release as a teacher of what `task` learns; None where none is named.

    Raises:
        UserError: there is no such release, or it does not know just these labels.
    """
    if release_id is None:
        return None
    classifier = load_release(registry.open(release_id), device=settings.device)
    module = classifier.module
    # The words' opinion joins each release by itself; they know training texts by heart.
    module.topic_words = None
    heads = {
        "sentiment_logits": (task.has_sentiment, module.sentiments, "sentiments"),
        "topic_logits": (bool(task.topics), module.topics, "topics"),
        "target_logits": (task.has_targets, module.targets, "sentiments of targets"),
    }
    for wanted, head, what in heads.values():
        if wanted and head is None:
            raise UserError(
                f"--teacher {release_id}: it was not trained on {what}, which are learned",
                hint="Teach from a release that was trained on the same labels.",
            )
    is_single = module.topic_bias is None
    if task.topics and is_single != task.single_topic:
        counts = ("one topic", "several") if is_single else ("several topics", "one")
        raise UserError(
            f"--teacher {release_id}: it learned {counts[0]} a text, and the training records "
            f"have {counts[1]}",
            hint="Teach from a release that was trained on the same labels.",
        )
    order = in_order_of(task.topics, classifier.topics, "topics") if task.topics else []

    def teach(texts: Sequence[str]) -> dict[str, Tensor]:
        precision = pick_precision(settings.precision, pick_device(settings.device))
        outputs = predict(module, classifier.backbone, texts, precision=precision)
        found = {name: outputs[name] for name, (wanted, _, _) in heads.items() if wanted}
        if task.topics:
            found["topic_logits"] = found["topic_logits"][:, order]
        return found

    return teach
