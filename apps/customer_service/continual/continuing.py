"""A release trained further: on new FAQs and questions, without forgetting the old ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from apps.customer_service import evaluate
from apps.customer_service.answers.answering import Answerer
from apps.customer_service.continual.beginning import Beginning, Parent
from apps.customer_service.continual.growing import grow, growing_task
from apps.customer_service.data import Dataset, Example, variants_of
from apps.customer_service.documents.passage import Passage
from apps.customer_service.documents.quoting import Documents
from apps.customer_service.learning.lessons import Lessons, load_lessons
from apps.customer_service.release import load_release
from apps.customer_service.task import CustomerServiceTask
from common.console import say
from common.errors import UserError
from common.learning.purging import purged
from common.learning.replay import herd_each
from common.models.heads import Embedder
from common.models.prediction import predict
from common.records.audit import Audit
from common.records.splits import Splits
from common.records.text import fold
from common.releases.registry import Registry
from common.tuning.imbalance import ClassLoss
from common.tuning.processes import is_main_process
from common.tuning.settings import Settings


def continue_from(
    registry: Registry, release_id: str, new: Dataset, settings: Settings, backbone: str
) -> Beginning:
    """Open a release, and make ready what it is to learn.

    Args:
        new: FAQs and questions; an FAQ that the release knows takes the place of the old one.

    Raises:
        UserError: there is no such release, it is of another backbone, it holds no texts to keep
            its knowledge by, or nothing is new.
    """
    if settings.mechanisms == ("klda",):
        raise UserError(
            "continual=klda tells classes apart, and FAQs are found by search",
            hint="Take --set continual=nearest-mean, or replay.",
        )
    release = registry.open(release_id)
    own = str(release.manifest.get("base_model"))
    if backbone not in {"auto", own}:
        raise UserError(
            f"--backbone {backbone}: release {release_id} is of {own}, and goes on with it",
            hint="Leave --backbone out, or train from the beginning, without --from.",
        )
    lessons = load_lessons(release)[0].without(purged(registry))
    old = load_release(release, device=settings.device, dropout=settings.dropout)
    audit = Audit([one for one in new.audit.findings if one.code != "one_label"])
    audit.raise_on_errors()
    new = replace(_without_known(new, lessons), audit=audit)
    if not lessons.train or not lessons.golden:
        raise UserError(
            f"release {release_id} holds no texts any more to keep its knowledge by",
            hint="Run `train` on all of the texts, without --from.",
        )
    if not new.splits.train:
        raise UserError(
            "nothing is new to the release",
            hint="Give FAQs or questions that it does not know.",
        )
    kept = _still_true(lessons.train, new, old)
    dataset = replace(new, faqs={**old.faqs, **new.faqs}, splits=_splits(kept, lessons, new.splits))
    exemplars = _exemplars(kept, old, settings)
    task = growing_task(
        CustomerServiceTask(dataset.knowledge, dataset.intents, ClassLoss.of(settings)), old
    )
    held_out = dataset.splits.test or dataset.splits.validation
    before = evaluate.run(old, held_out)
    module, terms = grow(task, old, exemplars, settings)
    known = {fold(example.text) for example in dataset.knowledge}
    return Beginning(
        dataset=dataset,
        learned=[*(exemplars if settings.replays else ()), *new.splits.train],
        task=task,
        encoder=old.backbone,
        module=module,
        before=before,
        far=[text for text in lessons.far if fold(text) not in known],
        terms=terms,
        parent=Parent(release, len(lessons.golden), _passages(old)),
    )


def _passages(old: Answerer) -> Sequence[Passage]:
    return old.documents.index.passages if isinstance(old.documents, Documents) else ()


def _without_known(new: Dataset, lessons: Lessons) -> Dataset:
    """What the release does not know; what candidates are measured on is not learned."""
    measured = {fold(one.text) for one in (*lessons.validation, *lessons.test)}
    same = {(fold(one.text), one.faq_id, one.intent) for one in lessons.train}
    learned = {text for text, *_ in same}
    splits = new.splits
    unknown = [e for e in splits.train if (fold(e.text), e.faq_id, e.intent) not in same]
    train = [one for one in unknown if fold(one.text) not in measured]
    held_out = [
        [one for one in some if fold(one.text) not in measured | learned]
        for some in (splits.validation, splits.test, new.calibration)
    ]
    given = len(splits.validation) + len(splits.test) + len(new.calibration)
    for what, count in (
        ("it knows them already", len(splits.train) - len(unknown)),
        ("it is measured on them", len(unknown) - len(train)),
        ("it learned them, or is measured on them already", given - sum(map(len, held_out))),
    ):
        if count and is_main_process():
            say(f"{count:,} texts are no news to the release: {what}")
    validation, test, calibration = held_out
    return replace(new, splits=Splits(train, validation, test), calibration=calibration)


def _still_true(known: Sequence[Example], new: Dataset, old: Answerer) -> list[Example]:
    """Old texts, but for those that an FAQ has no more, and those that are labelled anew."""
    again = {fold(one.text) for one in new.splits.train}
    replaced = {faq_id: old.faqs[faq_id] for faq_id in new.faqs if faq_id in old.faqs}
    gone = {(fold(one.text), one.faq_id) for one in variants_of(replaced)}
    gone -= {(fold(one.text), one.faq_id) for one in variants_of(new.faqs)}
    return [
        one
        for one in known
        if fold(one.text) not in again and (fold(one.text), one.faq_id) not in gone
    ]


def _exemplars(known: Sequence[Example], old: Answerer, settings: Settings) -> list[Example]:
    """Old texts that stand for their FAQs and intents.

    Raises:
        UserError: there are none.
    """
    if not known:
        raise UserError(
            "all texts that the release learned from are labelled anew, and none is left to keep "
            "its knowledge by",
            hint="Run `train` on all of the texts, without --from.",
        )
    reader, texts = Embedder(old.module.pooled), [example.text for example in known]
    found = predict(reader, old.backbone, texts, what="Choosing what is learned again")
    rows = herd_each(
        np.asarray(found["embedding"].numpy(), dtype=np.float32),
        [_labels(example) for example in known],
        settings.exemplars,
    )
    return [known[row] for row in rows]


def _labels(example: Example) -> list[tuple[str, str]]:
    found = [("faq", example.faq_id)] if example.faq_id else []
    return found + ([("intent", example.intent)] if example.intent else [])


def _splits(kept: Sequence[Example], lessons: Lessons, new: Splits[Example]) -> Splits[Example]:
    """Held out are the old questions, then the new; where one side has no test, its validation."""
    is_tested = bool(lessons.test or new.test)
    return Splits(
        [*kept, *new.train],
        [*lessons.validation, *new.validation],
        [*lessons.golden, *(new.test or new.validation)] if is_tested else [],
    )
