from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from toy import LETTERS, WORDS, ToyTask

from common.errors import UserError
from common.models.encoder import load_encoder
from common.models.sources.bundled import Source
from common.records.splits import Splits
from common.tuning.finetune import finetune
from common.tuning.labelling.pseudo_labels import Facet, confident, second_round
from common.tuning.settings import Settings


def test_the_gate_lets_through_what_is_sure_and_no_label_floods() -> None:
    probabilities = np.array([[0.95, 0.05], [0.99, 0.01], [0.97, 0.03], [0.2, 0.8], [0.08, 0.92]])
    assert confident(probabilities, 0.9, [2, 2]) == [(1, 0), (2, 0), (4, 1)]
    assert confident(probabilities, 0.995, [2, 2]) == []
    assert confident(probabilities, 0.9, [9, 0]) == [(1, 0), (2, 0), (0, 0)]


@dataclass(frozen=True)
class Word:
    """A word, and its first letter where it is known."""

    text: str
    letter: str | None


class WordTask(ToyTask):
    def input(self, record: Word) -> str:
        return record.text

    def collate(self, records, tokenize):
        batch = tokenize([record.text for record in records])
        letters = [LETTERS.index(record.letter or "") for record in records]
        return batch | {"label": torch.tensor(letters)}

    def measure(self, predict, records):
        logits = predict([record.text for record in records])["logits"]
        labels = torch.tensor([LETTERS.index(record.letter or "") for record in records])
        return {"loss": float(torch.nn.functional.cross_entropy(logits, labels))}


FACET: Facet[Word] = Facet(
    "logits",
    LETTERS,
    lambda one: LETTERS.index(one.letter) if one.letter else -1,
    lambda one, number: replace(one, letter=LETTERS[number]),
)
LABELLED = [Word(word, word[0]) for word in WORDS]
SETTINGS = {"epochs": 8, "batch_size": 8, "learning_rate": 2e-3, "head_learning_rate": 2e-2}


def _rounds(model: Path, work: Path, unlabelled: list[Word], **settings: object):
    chosen = Settings(**{**SETTINGS, "precision": "fp32", "device": "cpu", **settings})
    splits = Splits(LABELLED, LABELLED[::2], [])
    task = WordTask()

    def load():
        return load_encoder(Source("tiny", model))

    first = finetune(task, load(), splits, chosen, work=work / "first")
    return first, second_round(
        task, first, splits, unlabelled, FACET, chosen, load=load, work=work / "second"
    )


def test_the_round_that_validates_better_is_returned(tiny_model: Path, tmp_path: Path) -> None:
    unlabelled = [
        Word(f"{letter}{rest}", None) for letter in LETTERS for rest in ("mm", "op", "vv")
    ]
    first, (kept, report) = _rounds(tiny_model, tmp_path, unlabelled, pseudo_label_confidence=0.3)
    assert report.unlabelled == len(unlabelled)
    assert 0 < sum(report.joined.values()) <= len(unlabelled)
    assert report.second is not None
    assert report.kept == (report.second < report.first)
    assert kept.after["loss"] == min(report.first, report.second)
    assert (kept.module is first.module) == (not report.kept)
    assert ("second" if report.kept else "first") in report.text


def test_without_a_sure_text_there_is_no_second_round(tiny_model: Path, tmp_path: Path) -> None:
    first, (kept, report) = _rounds(
        tiny_model, tmp_path, [Word("amm", None)], epochs=1, pseudo_label_confidence=1.0
    )
    assert kept is first
    assert (report.joined, report.second, report.kept) == ({}, None, False)
    assert "no second round" in report.text


def test_texts_that_are_labelled_already_are_no_news(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="labelled already"):
        _rounds(tiny_model, tmp_path, [Word(WORDS[0].upper(), None)], epochs=1)
