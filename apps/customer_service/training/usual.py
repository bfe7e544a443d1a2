"""Settings that nobody chose, where FAQs are learned."""

from __future__ import annotations

from apps.customer_service.data import Dataset
from common.tuning.settings import Settings

# What an encoder unlearns over FAQs is what finds passages of documents, and FAQs of tomorrow.
PRETRAINED_SHARE = 0.5


def as_usual(settings: Settings, dataset: Dataset) -> Settings:
    """With the mean of tuned and pretrained weights, which was measured for FAQs alone.

    A release that is trained further is such a mean already, and takes no part here; a private run
    may not fit heads again.
    """
    if settings.pretrained_share is not None or settings.is_private or not dataset.faqs:
        return settings
    return settings.model_copy(update={"pretrained_share": PRETRAINED_SHARE})
