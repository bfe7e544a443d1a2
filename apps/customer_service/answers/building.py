"""A model and what it was given to learn → an answerer."""

from __future__ import annotations

from collections.abc import Sequence

from apps.customer_service.answers.answering import Answerer
from apps.customer_service.answers.network import FullPrecision
from apps.customer_service.answers.retrieval import Variant, VariantIndex
from apps.customer_service.data import Dataset, Example
from apps.customer_service.task import AnswerModel, CustomerServiceTask
from common.models.encoder import Encoder
from common.models.prediction import predict
from common.records.personal import prepare
from common.records.spoken.language import language_of_both
from common.tuning.label_names import FEW_TEXTS


def build_answerer(
    task: CustomerServiceTask,
    module: AnswerModel,
    backbone: Encoder,
    dataset: Dataset,
    precision: str,
) -> Answerer:
    """An answerer that knows the dataset's FAQs and texts, and is not calibrated.

    Before fine-tuning it is the pretrained model on the same path: search by its own vectors,
    intents by class mean. Questions are read in float32, as a release reads them: what is
    measured and promised is of that.

    Args:
        precision: in which what is searched is read.
    """
    module.eval()
    said = {faq.id: {*map(prepare, faq.answer_sentences)} for faq in dataset.faqs.values()}
    variants = [
        Variant(
            example.text,
            example.faq_id,
            _language(example, dataset),
            is_answer=example.text in said[example.faq_id],
        )
        for example in dataset.knowledge
        if example.faq_id is not None
    ]
    known = [variant.text for variant in variants] or [e.text for e in dataset.in_scope]
    found = predict(module, backbone, known, precision=precision, what="Building the index")
    vectors = found["embedding"].numpy()
    index = None
    if variants:
        index = VariantIndex.build(variants, vectors, module.prototypes(task.faq_ids))
    return Answerer(
        release_id="",
        network=FullPrecision(module, backbone),
        intents=dataset.intents,
        faqs=dataset.faqs,
        index=index,
        confidence=None,
        prototype_ids=task.faq_ids,
        texts=None if variants else vectors,
        text_intents=None if variants else few_intents(dataset.in_scope),
    )


def few_intents(learned: Sequence[Example]) -> list[str] | None:
    """The intent of each text; None where there are more than `FEW_TEXTS` an intent."""
    intents = [str(example.intent) for example in learned]
    return intents if len(intents) <= FEW_TEXTS * len(set(intents)) else None


def _language(example: Example, dataset: Dataset) -> str:
    faq = dataset.faqs[str(example.faq_id)]
    return faq.language or language_of_both(faq.question, faq.answer)
