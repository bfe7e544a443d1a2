"""What all rows are measured on: few texts to learn from, and others of the same training split.

No test split is read here: rows are compared, and chosen, on texts that were held out of training.
"""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apps.customer_service.data import Example as Question
from apps.customer_service.task import CustomerServiceTask
from apps.finance_monitor.data import Example as Story
from apps.finance_monitor.stories.text import prepare
from apps.finance_monitor.task import FinanceMonitorTask
from benchmarks.intents import Labelled, read_columns, take_few
from common.records.text import normalise
from common.tuning.imbalance import ClassLoss
from common.tuning.settings import Settings


@dataclass(frozen=True)
class Drawn:
    """Records to learn, records to measure on, and texts without labels."""

    learned: Sequence[Any]
    held_out: Sequence[Any]
    unlabelled: Sequence[str]


@dataclass(frozen=True)
class Work:
    """A set of texts, what of them is learned, and the figure that counts.

    Attributes:
        shots: texts of each label that are learned; `rows` of all, where it is None.
        held_out: texts that the figure is measured on.
        unlabelled: texts, neither learned nor held out, that may be read without their labels.
        settings: those of the plain row; a technique's own are put over them.
    """

    name: str
    backbone: str
    read: Callable[[Path], Labelled]
    records: Callable[[Labelled], Sequence[Any]]
    task: Callable[[Sequence[Any], Settings], Any]
    figure: str
    settings: dict[str, Any]
    shots: int | None = None
    rows: int = 0
    held_out: int = 2000
    unlabelled: int = 4000

    def draw(self, data: Path, seed: int) -> Drawn:
        """Other records for each seed."""
        labelled = list(self.read(data))
        random.Random(f"{self.name} {seed}").shuffle(labelled)
        if self.shots is None:
            parts: tuple[Labelled, Labelled] = (labelled[: self.rows], labelled[self.rows :])
        else:
            parts = take_few(labelled, self.shots)
        learned, rest = parts
        unlabelled = [text for text, _ in rest[self.held_out :][: self.unlabelled]]
        return Drawn(self.records(learned), self.records(rest[: self.held_out]), unlabelled)


def _banking77(data: Path) -> Labelled:
    return read_columns(data / "banking77" / "train.csv")


def _clinc150(data: Path) -> Labelled:
    found = json.loads((data / "clinc150" / "data_full.json").read_text(encoding="utf-8"))
    return [(text, label) for text, label in found["train"]]


def _thucnews(data: Path) -> Labelled:
    folder = data / "thucnews_title"
    names = (folder / "class.txt").read_text(encoding="utf-8").split()
    lines = (folder / "dev.txt").read_text(encoding="utf-8").splitlines()
    rows = [line.rsplit("\t", 1) for line in lines if line]
    return [(title, names[int(number)]) for title, number in rows]


def _twitter(data: Path) -> Labelled:
    folder = data / "twitter_financial_news"
    with (folder / "train.csv").open(encoding="utf-8", newline="") as file:
        return [(row["text"], row["label"]) for row in csv.DictReader(file)]


def _questions(labelled: Labelled) -> list[Question]:
    return [Question(normalise(text), None, label) for text, label in labelled]


def _titles(labelled: Labelled) -> list[Story]:
    return [Story(normalise(text), topics=(label,)) for text, label in labelled]


def _tweets(labelled: Labelled) -> list[Story]:
    return [Story(prepare(text), label) for text, label in labelled]


def _intents(records: Sequence[Question], settings: Settings) -> CustomerServiceTask:
    names = sorted({str(record.intent) for record in records})
    return CustomerServiceTask(records, names, ClassLoss.of(settings))


def _news(records: Sequence[Story], settings: Settings) -> FinanceMonitorTask:
    topics = sorted({topic for record in records for topic in record.topics or ()})
    return FinanceMonitorTask(records, topics, ClassLoss.of(settings))


FEW_SHOT = {"epochs": 8, "learning_rate": 2e-4, "dropout": 0.1}

WORKS = {
    work.name: work
    for work in (
        Work(
            *("banking77", "minilm", _banking77, _questions, _intents, "intent_accuracy"),
            settings=FEW_SHOT,
            shots=5,
        ),
        Work(
            *("clinc150", "minilm", _clinc150, _questions, _intents, "intent_accuracy"),
            settings={**FEW_SHOT, "epochs": 4},
            shots=10,
        ),
        Work(
            *("thucnews", "e5-small", _thucnews, _titles, _news, "topic_f1"),
            settings={**FEW_SHOT, "epochs": 12},
            shots=5,
            held_out=1000,
        ),
        Work(
            *("twitter", "minilm", _twitter, _tweets, _news, "sentiment_f1"),
            settings={"epochs": 2, "learning_rate": 2e-4},
            rows=2000,
        ),
    )
}
