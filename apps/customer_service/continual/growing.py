"""A model whose heads grow: what it knows stays, what is new starts from its texts."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from apps.customer_service.answers.answering import Answerer
from apps.customer_service.data import Example
from apps.customer_service.task import AnswerModel, CustomerServiceTask
from common.errors import UserError
from common.models.devices import pick_device, pick_precision
from common.models.heads import CosineClassifier, class_means
from common.models.prediction import predict
from common.tuning.continual.carrying import Classes, carry_over
from common.tuning.continual.terms import continual_terms
from common.tuning.settings import Settings
from common.tuning.task import LossTerm


def growing_task(known: CustomerServiceTask, old: Answerer) -> CustomerServiceTask:
    """`known`, if it tells all that `old` tells.

    Raises:
        UserError: no text is left of an old FAQ or intent.
    """
    for what, before, now in (
        ("FAQs", old.prototype_ids, known.faq_ids),
        ("intents", old.intents, known.intents),
    ):
        if gone := sorted({*before} - {*now}):
            raise UserError(
                f"no text is left of the {what} {', '.join(gone)}, which the release knows",
                hint="Give some, or train from the beginning, without --from.",
            )
    return known


def grow(
    task: CustomerServiceTask, old: Answerer, exemplars: Sequence[Example], settings: Settings
) -> tuple[AnswerModel, list[LossTerm]]:
    """Heads that know the old FAQs and intents, and what is added to the loss.

    Args:
        exemplars: old texts.
    """
    device = pick_device(settings.device)
    module = task.build(old.backbone, pick_precision(settings.precision, device)).to(device)
    module.projection.load_state_dict(old.module.projection.state_dict())
    if isinstance(module.faqs, CosineClassifier):
        with torch.no_grad():
            module.faqs.directions.copy_(_means(task, module, old))
    if settings.is_frozen:
        return module, []
    faqs, intents = Classes(old.prototype_ids, task.faq_ids), Classes(old.intents, task.intents)
    heads = {"faqs.directions": faqs, "intents.directions": intents}
    carry_over(module, old.module, heads)
    known = {"faq_logits": faqs, "intent_logits": intents}
    columns = {name: classes.columns for name, classes in known.items() if classes.old}
    texts = [example.text for example in exemplars]
    return module, continual_terms(settings, module, old.module, old.backbone, texts, columns)


def _means(task: CustomerServiceTask, module: AnswerModel, old: Answerer) -> Tensor:
    """[faqs, width], the mean of the texts of each FAQ as they are searched."""
    texts = [example.text for example in task.knowledge]
    what = "Reading the texts of each FAQ"
    found = predict(module, old.backbone, texts, precision="fp32", what=what)["embedding"]
    number = {faq_id: at for at, faq_id in enumerate(task.faq_ids)}
    labels = torch.tensor([number[str(example.faq_id)] for example in task.knowledge])
    return class_means(found, labels, len(number))
