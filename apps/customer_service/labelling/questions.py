"""Questions as the verbs about labels take them: what is labelled, what a release makes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import softmax

from apps.customer_service.answers.answering import Answerer, prepare
from apps.customer_service.data import Sources, read_faqs, read_question_files
from apps.customer_service.schema import OUT_OF_SCOPE, Question
from common.errors import UserError
from common.learning.labelling.asking import Read, check_wanted
from common.learning.labelling.doubts import Field, Labelled
from common.tuning.labelling.suggestions import margins


def labelled_fields(sources: Sources) -> list[Field]:
    """The FAQs and the intents of the questions.

    The wordings of the FAQs themselves say what belongs to an FAQ, and are not doubted.
    """
    by_faq = [
        Labelled(prepare(variant), (faq.id,), None)
        for faq in read_faqs(sources).values()
        for variant in faq.variants
    ]
    by_intent = []
    asked = False
    for file in read_question_files(sources):
        for record, place in zip(file.items, file.short_places, strict=True):
            text = shown_text(record)
            if record.intent:
                by_intent.append(Labelled(text, (record.intent,), place))
            if record.faq_id and record.intent != OUT_OF_SCOPE:
                by_faq.append(Labelled(text, (record.faq_id,), place))
                asked = True
    return [Field("faq_id", by_faq if asked else []), Field("intent", by_intent)]


def shown_text(record: Question) -> str:
    """The text by which a correction is matched with its record."""
    return prepare(record.question)


def asked_label(manifest: Mapping[str, Any], wanted: str | None = None) -> str:
    """What is to be labelled: the FAQ, or the intent where a release knows no FAQs.

    Args:
        wanted: which of both; None: as above.

    Raises:
        UserError: the release knows no FAQs; whether it tells intents, its model says.
    """
    told = ["faq_id"] if manifest["data"]["counts"]["faqs"] else []
    told += ["intent"]
    check_wanted(wanted, told)
    return wanted or told[0]


def read_by(answerer: Answerer, label: str, texts: Sequence[str]) -> Read:
    """What a release makes of prepared `texts`.

    Args:
        label: as `asked_label` gives it.

    Raises:
        UserError: the release's model has no such head.
    """
    outputs = answerer.outputs(texts)
    key, names = (
        ("faq_logits", answerer.prototype_ids)
        if label == "faq_id"
        else ("intent_logits", answerer.intents)
    )
    if key not in outputs:
        raise UserError(f"the model of this release does not tell {label}")
    probabilities = softmax(outputs[key].astype(np.float64), axis=-1)
    suggested = [names[number] for number in probabilities.argmax(1)]
    return Read(suggested, margins(probabilities), outputs["embedding"])
