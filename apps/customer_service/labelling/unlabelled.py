"""Which label unlabelled questions are given for a second round."""

from __future__ import annotations

from dataclasses import replace

from apps.customer_service.data import Dataset, Example
from apps.customer_service.schema import OUT_OF_SCOPE
from apps.customer_service.task import CustomerServiceTask
from common.errors import UserError
from common.tuning.labelling.pseudo_labels import Facet


def facet_of(task: CustomerServiceTask, dataset: Dataset) -> Facet[Example] | None:
    """The FAQ, or the intent where there are no FAQs.

    None where nothing is unlabelled.

    Raises:
        UserError: nothing validates it.
    """
    if not dataset.unlabelled:
        return None
    name, labels = ("faq", task.faq_ids) if task.faq_ids else ("intent", task.intents)
    numbers = {label: number for number, label in enumerate(labels)}

    def number(one: Example) -> int:
        if name == "faq":
            return -1 if one.intent == OUT_OF_SCOPE else numbers.get(one.faq_id or "", -1)
        return numbers.get(one.intent or "", -1)

    def give(one: Example, number: int) -> Example:
        label = labels[number]
        if name == "intent":
            return replace(one, intent=label)
        return replace(one, faq_id=label, intent=dataset.faqs[label].intent)

    if not any(number(one) >= 0 for one in dataset.not_learned):
        raise UserError("--unlabelled: no validation question says how sure the model may be")
    return Facet(f"{name}_logits", labels, number, give)
