"""What a release makes of questions, for another that learns from it."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from apps.customer_service.release import load_release
from apps.customer_service.task import CustomerServiceTask
from common.models.devices import pick_device, pick_precision
from common.models.prediction import predict
from common.releases.registry import Registry
from common.tuning.distillation.teaching import Teach, in_order_of
from common.tuning.settings import Settings


def teacher_of(
    registry: Registry, release_id: str | None, task: CustomerServiceTask, settings: Settings
) -> Teach | None:
    """A release as a teacher of what `task` learns; None where none is named.

    Raises:
        UserError: there is no such release, or it knows other FAQs or intents.
    """
    if release_id is None:
        return None
    answerer = load_release(registry.open(release_id), device=settings.device)
    orders = {
        "faq_logits": in_order_of(task.faq_ids, answerer.prototype_ids, "FAQs"),
        "intent_logits": in_order_of(task.intents, answerer.intents, "intents"),
    }

    def teach(texts: Sequence[str]) -> dict[str, Tensor]:
        precision = pick_precision(settings.precision, pick_device(settings.device))
        outputs = predict(answerer.module, answerer.backbone, texts, precision=precision)
        return {name: outputs[name][:, order] for name, order in orders.items() if order}

    return teach
