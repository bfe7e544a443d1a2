"""Fine-tune intents alone on labelled texts, with the core and the customer-service task."""

from __future__ import annotations

import csv
import random
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from apps.customer_service.answers.answering import Answerer
from apps.customer_service.answers.building import build_answerer
from apps.customer_service.data import Dataset, Example
from apps.customer_service.task import AnswerModel, CustomerServiceTask
from common.models.encoder import Encoder, load_encoder
from common.models.sources.bundled import locate
from common.records.audit import Audit
from common.records.splits import Splits
from common.records.text import normalise
from common.tuning.distillation.ensembling import finetune_together
from common.tuning.finetune import Tuned
from common.tuning.imbalance import ClassLoss
from common.tuning.settings import Settings

Labelled = Sequence[tuple[str, str]]


def tune_intents(
    train: Labelled,
    settings: Settings,
    backbone: str = "minilm",
    unlabelled: Labelled = (),
) -> tuple[Tuned[Encoder], list[str]]:
    """Fine-tune on all of `train`; nothing is held out, so the last epoch is what is kept.

    Args:
        unlabelled: texts that an ensemble tells of, as `train --unlabelled`; labels are not read.
    """
    examples = _examples(train)
    intents = sorted({label for _, label in train})
    task = CustomerServiceTask(examples, intents, ClassLoss.of(settings))
    load = partial(load_encoder, locate(backbone), dropout=settings.dropout)
    splits, more = (
        Splits(examples, [], []),
        [Example(text, None, None) for text in normalised(unlabelled)],
    )
    with tempfile.TemporaryDirectory() as work:
        tuned = finetune_together(
            task, load(), splits, settings, None, more, load=load, work=Path(work) / "run"
        )
    return tuned, intents


def few_of_each(labelled: Labelled, shots: int, seed: int | str) -> tuple[Labelled, Labelled]:
    """`shots` texts of each label, drawn at random, and the rest."""
    shuffled = list(labelled)
    random.Random(seed).shuffle(shuffled)
    return take_few(shuffled, shots)


def take_few(labelled: Labelled, shots: int) -> tuple[Labelled, Labelled]:
    """The first `shots` texts of each label, and the rest."""
    taken: dict[str, int] = {}
    few: list[tuple[str, str]] = []
    rest: list[tuple[str, str]] = []
    for text, label in labelled:
        taken[label] = taken.get(label, 0) + 1
        (few if taken[label] <= shots else rest).append((text, label))
    return few, rest


def read_pairs(folder: Path) -> Labelled:
    """Texts and labels, each in a file of lines: `seq.in` and `label`."""
    texts = (folder / "seq.in").read_text(encoding="utf-8").splitlines()
    labels = (folder / "label").read_text(encoding="utf-8").splitlines()
    return list(zip(texts, labels, strict=True))


def read_columns(path: Path) -> Labelled:
    """The columns `text` and `category` of a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        return [(row["text"], row["category"]) for row in csv.DictReader(file)]


def normalised(labelled: Labelled) -> list[str]:
    """The texts as the model reads them."""
    return [normalise(text) for text, _ in labelled]


def accuracy(tuned: Tuned[Encoder], intents: list[str], labelled: Labelled) -> float:
    """Share of `labelled` whose intent the model's head tells right."""
    predicted = tuned.predict(normalised(labelled))["intent_logits"].argmax(-1).tolist()
    return _right([intents[number] for number in predicted], labelled)


def released(tuned: Tuned[Encoder], learned: Labelled, labelled: Labelled) -> dict[str, float]:
    """Share of `labelled` whose intent is right, as a release tells it that learned `learned`."""
    examples = _examples(learned)
    dataset = Dataset({}, Splits(examples, [], []), Audit([]), {})
    task = CustomerServiceTask(examples, dataset.intents)
    module = tuned.module
    assert isinstance(module, AnswerModel)
    answerer = build_answerer(task, module, tuned.pretrained, dataset, tuned.precision)
    outputs = answerer.outputs(normalised(labelled))

    def right(answerer: Answerer) -> float:
        rows = answerer.read(outputs)
        return _right([max(row.intents, key=row.intents.__getitem__) for row in rows], labelled)

    return {
        "test accuracy": right(answerer),
        "by the head alone": right(replace(answerer, text_intents=None)),
    }


def _right(told: Sequence[str], labelled: Labelled) -> float:
    right = [name == label for name, (_, label) in zip(told, labelled, strict=True)]
    return sum(right) / len(right)


def _examples(labelled: Labelled) -> list[Example]:
    return [Example(normalise(text), None, label) for text, label in labelled]
