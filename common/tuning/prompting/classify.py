"""Texts → labels, with any backbone and without a release; and how often that is right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from common.console import say
from common.errors import UserError
from common.evaluation.metrics import accuracy, f1
from common.models.devices import pick_device
from common.models.encoder import Encoder, load_encoder
from common.models.generator import load_generator
from common.models.loading import holds_causal
from common.models.sources import catalog
from common.models.sources.bundled import locate
from common.records.text import language_of
from common.tuning.prompting.by_embedding import EmbeddingClassifier
from common.tuning.prompting.by_likelihood import LikelihoodClassifier
from common.tuning.prompting.labels import Labelled, Question


class Classifier(Protocol):
    """Labels by their words."""

    names: list[str]

    def probabilities(self, texts: Sequence[str]) -> Tensor:
        """[texts, labels]."""


@dataclass(frozen=True)
class Figures:
    """On records with exactly one label."""

    texts: int
    accuracy: float
    macro_f1: float


def open_classifiers(
    questions: dict[str, Question],
    texts: Sequence[str],
    examples: Sequence[Labelled],
    *,
    backbone: str,
    device: str,
) -> dict[str, Classifier]:
    """A classifier for each question.

    Raises:
        UserError: no such backbone, or an example with a label that no question has.
    """
    languages = {language_of(text) for text in texts}
    name = catalog.for_languages(languages) if backbone == "auto" else backbone
    source = locate(name)
    say(f"Backbone: {source.name}")
    shown = {question: _examples(question, questions[question], examples) for question in questions}
    if not holds_causal(source.directory):
        encoder = _on(load_encoder(source), device)
        return {
            name: EmbeddingClassifier(encoder, question, shown[name])
            for name, question in questions.items()
        }
    generator = load_generator(source)
    nn.Module.to(generator.network, pick_device(device))
    near = locate(catalog.for_languages(languages)) if any(shown.values()) else None
    reader = _on(load_encoder(near), device) if near else None
    return {
        name: LikelihoodClassifier(generator, question, shown[name], reader)
        for name, question in questions.items()
    }


def measure(classifier: Classifier, name: str, records: Sequence[Labelled]) -> Figures | None:
    """Accuracy and macro F1 of one question; None: no record has one label of it."""
    known = _examples(name, classifier, records)
    if not known:
        return None
    predicted = classifier.probabilities([text for text, _ in known]).argmax(-1)
    right = torch.tensor([classifier.names.index(label) for _, label in known])
    return Figures(len(known), accuracy(predicted, right), f1(predicted, right, average="macro"))


def _on(encoder: Encoder, device: str) -> Encoder:
    nn.Module.to(encoder.network, pick_device(device))
    return encoder


def _examples(
    name: str, question: Question | Classifier, records: Sequence[Labelled]
) -> list[tuple[str, str]]:
    """Texts with exactly one label of a question, and that label."""
    found = [(r.text, r.labels[name][0]) for r in records if len(r.labels.get(name, ())) == 1]
    for _, label in found:
        if label not in question.names:
            raise UserError(
                f"{name}: {label!r} is none of the labels that are asked for",
                hint=f"Labels: {', '.join(question.names)}. Others: --labels FILE.",
            )
    return found
