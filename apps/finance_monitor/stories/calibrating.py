"""After fine-tuning: what words add, honest probabilities, and what is usual."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import softmax

from apps.finance_monitor.data import Example
from apps.finance_monitor.direction.entries import bundled
from apps.finance_monitor.direction.lexicon import Lexicon
from apps.finance_monitor.direction.weighing import Direction, Towards, bent, scores, weigh
from apps.finance_monitor.schema import SENTIMENTS
from apps.finance_monitor.stories.classifying import NEGATIVE, Classifier
from apps.finance_monitor.task import FinanceMonitorTask
from common.console import say
from common.evaluation.calibration import fit_mixture, fit_temperature, least_confidence
from common.models.prediction import predict


def calibrate(
    classifier: Classifier,
    task: FinanceMonitorTask,
    validation: Sequence[Example],
    *,
    with_words: bool = True,
    lexicon: Lexicon | None = None,
) -> Classifier:
    """Temperatures, when to abstain, the weight of words, and what is usual, all from validation.

    The module of `classifier` takes the words in that tell of topics, where they help.

    Args:
        with_words: False: the topics are left to the encoder alone.
        lexicon: the words that say which way a text points; None: those of `classifier`, or those
            that come with the application.
    """
    if lexicon is None:
        lexicon = classifier.direction.lexicon if classifier.direction else bundled()
    texts = [example.text for example in validation]
    outputs = predict(classifier.module, classifier.backbone, texts)
    temperatures: dict[str, float] = {}
    abstain_below: dict[str, float] = {}
    weights: dict[Towards, float] = {}
    labels_of: dict[Towards, list[str | None]] = {
        "sentiment": [example.sentiment for example in validation],
        "target": [example.target for example in validation],
    }
    for name, labels in labels_of.items():
        known = [i for i, label in enumerate(labels) if label is not None]
        if f"{name}_logits" in outputs and known:
            right = np.array([SENTIMENTS.index(label) for label in labels if label is not None])
            logits = _rows(outputs[f"{name}_logits"], known)
            asked = [texts[i] for i in known]
            weights[name] = weigh(lexicon, asked, logits, right, name)
            logits = bent(logits, scores(lexicon, asked, name), weights[name])
            temperatures[name] = fit_temperature(logits, right)
            shares = softmax(logits / temperatures[name], axis=-1)
            chosen = least_confidence(shares.max(-1), shares.argmax(-1) == right)
            if chosen is not None:
                abstain_below[name] = chosen
    known = [i for i, example in enumerate(validation) if example.topics is not None]
    if "topic_logits" in outputs and known:
        examples = [validation[i] for i in known]
        logits = _rows(outputs["topic_logits"], known)
        temperatures["topic"] = (
            _add_words(classifier, task, examples, logits)
            if with_words
            else _topic_temperature(task, examples, logits)
        )
    direction = None
    if any(weights.values()):
        direction = Direction(lexicon, weights.get("sentiment", 0.0), weights.get("target", 0.0))
    calibrated = replace(
        classifier, temperatures=temperatures, abstain_below=abstain_below, direction=direction
    )
    return replace(calibrated, baseline=_baseline(calibrated, validation))


def _add_words(
    classifier: Classifier,
    task: FinanceMonitorTask,
    examples: Sequence[Example],
    logits: NDArray[np.float64],
) -> float:
    """Give the module its topic words, where they help; the temperature of topics."""
    say("Counting what words alone say about topics")
    words = task.topic_words(classifier.backbone)
    counted = words.read(classifier.backbone, [example.text for example in examples])
    member = task.members(examples).numpy()
    usual = counted.mean(0)
    first, second = logits, (counted - usual).double().numpy()
    if task.single_topic:
        temperature, weight = fit_mixture(first, second, member.argmax(1))
    else:
        temperature, weight = fit_mixture(first.ravel(), second.ravel(), member.ravel())
    if weight > 0:
        device = next(classifier.module.parameters()).device
        classifier.module.topic_words = words.beside_another(usual, weight).to(device)
    return temperature


def _topic_temperature(
    task: FinanceMonitorTask, examples: Sequence[Example], logits: NDArray[np.float64]
) -> float:
    member = task.members(examples).numpy()
    if task.single_topic:
        return fit_temperature(logits, member.argmax(1))
    return fit_temperature(logits.ravel(), member.ravel())


def _rows(logits: torch.Tensor, rows: Sequence[int]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = logits[list(rows)].double().numpy()
    return found


def _baseline(classifier: Classifier, validation: Sequence[Example]) -> dict[str, float]:
    """What the model usually says, to notice later when it says something else."""
    texts = [example.text for example in validation if example.target is None]
    if not texts or classifier.module.sentiments is None:
        return {}
    readings = [r.sentiment for r in classifier.read(texts) if r.sentiment is not None]
    probabilities = np.stack(readings)
    return {
        "negative": float(probabilities[:, NEGATIVE].mean()),
        "confidence": float(probabilities.max(1).mean()),
        "confidence_deviation": float(probabilities.max(1).std()),
        "texts": float(len(readings)),
    }
