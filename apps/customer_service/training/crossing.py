"""Calibration crossed: each question is asked of a model that did not learn it.

K-fold cross-fitting (Vovk 2015, Cross-conformal predictors, arXiv 1208.0806; Chernozhukov et al.
2018, arXiv 1608.00060). A fold's model learned fewer questions than the one that serves, so what it
shows of the promise is assumed to hold of that one, too.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from apps.customer_service import evaluate
from apps.customer_service.answers.building import build_answerer
from apps.customer_service.continual.beginning import task_of
from apps.customer_service.data import Dataset, Example, variants_of
from apps.customer_service.promise.evidence import Evidence
from apps.customer_service.task import AnswerModel
from common.console import say
from common.models.encoder import Encoder
from common.records.splits import Splits, deal
from common.records.text import fold
from common.tuning.finetune import finetune
from common.tuning.processes import is_main_process
from common.tuning.settings import Settings
from common.tuning.starting import load_to_learn


def in_folds(dataset: Dataset, seed: int, count: int) -> list[Dataset]:
    """The same data so many times, each time with another part of the questions set apart.

    FAQ texts are always learned, unless there are no questions; so is the only text of a label. As
    it was, where nothing is set apart, and for a `count` of 1.
    """
    if count == 1 or not dataset.calibration:
        return [dataset]
    of_faqs = {fold(one.text) for one in variants_of(dataset.faqs)}
    if all(fold(one.text) in of_faqs for one in dataset.calibration):
        of_faqs = set()
    everything = dataset.learning_everything().splits.train
    labels, texts = _by_text(everything), Counter[str]()
    for its in labels.values():
        texts.update(its)

    def may_be_apart(one: Example) -> bool:
        its = labels[fold(one.text)]
        return fold(one.text) not in of_faqs and len(its) == 1 and texts[_label(one)] > 1

    parts = deal(
        [one for one in everything if may_be_apart(one)],
        label=_label,
        text=lambda one: one.text,
        count=count,
        seed=seed,
    )
    always = [one for one in everything if not may_be_apart(one)]
    folds = [
        replace(
            dataset,
            splits=replace(
                dataset.splits,
                train=[*always, *(one for other in parts if other is not part for one in other)],
            ),
            calibration=part,
        )
        for part in parts
        if part
    ]
    # Of a few questions, none may be there that may be set apart.
    return folds or [dataset]


def cross(
    encoder: Encoder, others: Sequence[Dataset], settings: Settings, work: Path, *, resume: bool
) -> tuple[Evidence, float]:
    """What is found of the other folds' questions, and the seconds of learning.

    Each fold is learned as the first one was: from the pretrained model, its best epoch chosen by
    the validation questions.

    Args:
        encoder: of the first fold; what its frozen layers read is not read again.
        others: the folds but the first.
    """
    evidence, seconds, known = Evidence.none(), 0.0, encoder.known
    for number, dataset in enumerate(others, 2):
        if is_main_process():
            say(f"Fold {number} of {len(others) + 1}: {len(dataset.calibration):,} questions apart")
        task, splits = task_of(dataset, settings), dataset.splits
        tuned = finetune(
            task,
            load_to_learn(encoder.source, settings, known=known),
            Splits(splits.train, splits.validation, []),
            settings,
            work=work / f"fold-{number}",
            resume=resume,
        )
        assert isinstance(tuned.module, AnswerModel)
        answerer = build_answerer(task, tuned.module, tuned.pretrained, dataset, tuned.precision)
        evidence += Evidence.of(evaluate.run(answerer, dataset.calibration))
        seconds += tuned.seconds
        # That of the fold before: it knows how much room is left.
        known = tuned.pretrained.known
    return evidence, seconds


def _by_text(examples: Sequence[Example]) -> dict[str, set[str]]:
    """Folded texts with all their labels."""
    found: dict[str, set[str]] = defaultdict(set)
    for one in examples:
        found[fold(one.text)].add(_label(one))
    return found


def _label(example: Example) -> str:
    return example.faq_id or example.intent or ""
