"""How good a classifier is on labelled news: sentiment, topics, targets, honesty."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from apps.finance_monitor.data import Example
from apps.finance_monitor.schema import SENTIMENTS
from apps.finance_monitor.stories.classifying import TOPIC_FROM, Classifier, Reading
from common.evaluation.compare import Difference, paired_bootstrap
from common.evaluation.fairness import (
    FEW_RESAMPLES,
    ByGroup,
    by_group,
    mean_of,
    summarised,
)
from common.evaluation.linear import LinearPeer, compare_with
from common.evaluation.metrics import expected_calibration_error, f1
from common.records.text import language_of

if TYPE_CHECKING:
    from torch import Tensor

# What a text may tell, each by itself.
WHAT = ("sentiment", "topics", "target")


@dataclass(frozen=True)
class Outcome:
    """What the model made of one labelled text."""

    example: Example
    reading: Reading
    topics: list[str]

    @property
    def label(self) -> str | None:
        """The right sentiment, of the text or of its marked target; None: not known."""
        return self.example.target or self.example.sentiment

    @property
    def probabilities(self) -> np.ndarray[tuple[int], np.dtype[np.float64]] | None:
        """Of the three sentiments, by the head that is asked."""
        return self.reading.target if self.example.target else self.reading.sentiment

    @property
    def found(self) -> str | None:
        """The most probable sentiment."""
        if self.probabilities is None:
            return None
        return SENTIMENTS[int(self.probabilities.argmax())]

    @property
    def confidence(self) -> float:
        """Probability of `found`."""
        return 0.0 if self.probabilities is None else float(self.probabilities.max())

    @property
    def verdicts(self) -> dict[str, bool | None]:
        """Whether each of `WHAT` is right; None where the text does not tell."""
        example = self.example
        return {
            "sentiment": self.found == self.label
            if example.sentiment and not example.target
            else None,
            "topics": None if example.topics is None else {*self.topics} == {*example.topics},
            "target": self.found == self.label if example.target else None,
        }

    @property
    def is_right(self) -> bool:
        """Whether the sentiment, or where there is none the set of topics, is right."""
        if self.label is not None:
            return self.found == self.label
        return set(self.topics) == set(self.example.topics or ())


def run(classifier: Classifier, examples: Sequence[Example]) -> list[Outcome]:
    """Put every example through the path that `watch` takes."""
    readings = classifier.read([example.text for example in examples]) if examples else []
    return [
        Outcome(example, reading, _topics(classifier, reading))
        for example, reading in zip(examples, readings, strict=True)
    ]


def _topics(classifier: Classifier, reading: Reading) -> list[str]:
    if reading.topics is None:
        return []
    if not classifier.network.has_many_topics:
        return [classifier.topics[int(reading.topics.argmax())]]
    pairs = zip(classifier.topics, reading.topics.tolist(), strict=True)
    return [name for name, probability in pairs if probability >= TOPIC_FROM]


def summarise(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """The metrics of a table row.

    Keys, where they apply: `texts`; `sentiment_f1` (weighted), `sentiment_macro_f1`,
    `sentiment_accuracy`, `calibration_error`; `topic_f1` (micro); `target_accuracy`.
    """
    metrics = {"texts": float(len(outcomes))}
    texts = [o for o in outcomes if o.example.sentiment is not None and o.found is not None]
    if texts:
        predicted, right = _numbers(o.found for o in texts), _numbers(o.label for o in texts)
        metrics["sentiment_f1"] = f1(predicted, right, average="weighted")
        metrics["sentiment_macro_f1"] = f1(predicted, right, average="macro")
        metrics["sentiment_accuracy"] = _share([o.is_right for o in texts])
        metrics["calibration_error"] = expected_calibration_error(
            np.array([o.confidence for o in texts]), np.array([o.is_right for o in texts])
        )
    if with_topics := [o for o in outcomes if o.example.topics is not None]:
        names = sorted({n for o in with_topics for n in [*o.topics, *(o.example.topics or ())]})
        if names:
            found = _members([o.topics for o in with_topics], names)
            true = _members([o.example.topics or () for o in with_topics], names)
            metrics["topic_f1"] = f1(found, true, average="micro")
    if targets := [o for o in outcomes if o.example.target is not None and o.found is not None]:
        metrics["target_accuracy"] = _share([o.is_right for o in targets])
    return metrics


def by(
    outcomes: Sequence[Outcome], key: Callable[[Outcome], str | None]
) -> dict[str, list[Outcome]]:
    """Outcomes grouped by language or source, where there is more than one."""
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault(key(outcome) or "–", []).append(outcome)
    return dict(sorted(groups.items())) if len(groups) > 1 else {}


def compare_groups(
    outcomes: Sequence[Outcome], members: Sequence[Collection[str]], figure: str | None = None
) -> ByGroup:
    """A figure of `summarise`, or the share that is right, by group.

    Args:
        members: the groups of each outcome.
    """
    if figure is None:
        return by_group("right", mean_of([o.is_right for o in outcomes]), members)
    found = summarised(summarise, outcomes, figure)
    return by_group(figure, found, members, resamples=FEW_RESAMPLES)


def linear_peer(training: Sequence[Example], after: Sequence[Outcome]) -> LinearPeer | None:
    """The same texts put to a linear model: for what most of the held-out ones are labelled."""
    kinds = Counter(_kind(outcome.example) for outcome in after)
    kind = kinds.most_common(1)[0][0]
    asked = [outcome for outcome in after if _kind(outcome.example) == kind]
    return compare_with(
        [(e.text, _label(e)) for e in training if _kind(e) == kind],
        [(o.example.text, _label(o.example)) for o in asked],
        [o.is_right for o in asked],
        {"sentiment": "sentiment_accuracy", "target": "target_accuracy"}.get(kind, "topics right"),
    )


def _kind(example: Example) -> str:
    return "target" if example.target else "sentiment" if example.sentiment else "topics"


def _label(example: Example) -> str:
    return example.target or example.sentiment or "|".join(sorted(example.topics or ()))


def language(outcome: Outcome) -> str:
    """Language of the text."""
    return language_of(outcome.example.text)


def confusion(outcomes: Sequence[Outcome]) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """[right, found], counts of the texts' sentiment."""
    counts = np.zeros((len(SENTIMENTS), len(SENTIMENTS)), dtype=np.int64)
    names: tuple[str, ...] = SENTIMENTS
    for outcome in outcomes:
        if outcome.example.sentiment is not None and outcome.found is not None:
            counts[names.index(outcome.example.sentiment), names.index(outcome.found)] += 1
    return counts


def mistakes(outcomes: Sequence[Outcome], limit: int = 20) -> list[Outcome]:
    """Texts whose sentiment is wrong, the surest first."""
    wrong = [o for o in outcomes if o.label is not None and o.found is not None and not o.is_right]
    return sorted(wrong, key=lambda o: -o.confidence)[:limit]


def _numbers(labels: Iterable[str | None]) -> Tensor:
    import torch

    names: tuple[str, ...] = SENTIMENTS
    return torch.tensor([names.index(label or "") for label in labels])


def _members(sets: Sequence[Sequence[str]], names: Sequence[str]) -> Tensor:
    import torch

    return torch.tensor([[int(name in chosen) for name in names] for chosen in sets])


def _share(flags: Sequence[bool]) -> float:
    return sum(flags) / len(flags)


def difference(before: Sequence[Outcome], after: Sequence[Outcome]) -> Difference:
    """How many more are right after fine-tuning, with its interval."""
    return paired_bootstrap([o.is_right for o in before], [o.is_right for o in after])
