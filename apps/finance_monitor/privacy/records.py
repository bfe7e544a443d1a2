"""Which records are secret, and what is known without them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from apps.finance_monitor.data import Dataset, Example, Sources, read_examples
from common.errors import UserError
from common.records.text import language_of
from common.tuning.prompting.labels import read_questions

LABELS = Path(__file__).parents[1] / "zero_shot" / "labels.toml"


@dataclass(frozen=True)
class Records:
    """Secret examples, one a record, and public ones.

    Attributes:
        start: what the heads are made of and start from: `public`, or else the sentiments' own
            words.
    """

    secret: list[Example]
    public: list[Example]
    start: list[Example]
    topics: list[str]

    @property
    def languages(self) -> list[str]:
        """Of the public records; those of the others are a secret."""
        return sorted({language_of(example.text) for example in self.public})

    @property
    def told(self) -> str:
        """What was public, in a sentence."""
        if not self.public:
            return "The pretrained model, and the words that the sentiments start from."
        return (
            f"The pretrained model, and {len(self.public):,} records: they name the labels, the "
            "heads start from them, and they chose the epoch and calibrated."
        )


def separate(dataset: Dataset, public: Sequence[Path], sources: Sources) -> Records:
    """What of `dataset` is learned privately, with labels that public records name.

    Sentiment towards companies is left out: a record would take part once for each of them.

    Raises:
        UserError: nothing is left to learn.
    """
    known = read_examples(replace(sources, test=public)) if public else []
    known = [replace(one, source=None) for one in known if one.target is None]
    names = sorted({name for one in known for name in one.topics or ()})
    topics = names if len(names) > 1 else []
    start = known or label_words()
    single = all(len(one.topics) == 1 for one in known if one.topics is not None)
    everything = (*dataset.splits.train, *dataset.splits.validation)
    secret = [_fitting(one, topics, single) for one in everything if one.target is None]
    if not secret:
        raise UserError(
            "privacy_epsilon: no record has a sentiment or topics",
            hint="Name the columns: --map sentiment=COLUMN --map topics=COLUMN",
        )
    return Records(secret, known, start, topics)


def label_words() -> list[Example]:
    """The sentiments by their own words, as `classify` has them."""
    question = read_questions(LABELS)["sentiment"]
    return [
        Example(text, sentiment=name)
        for name in question.names
        for text in question.sentences(name)
    ]


def _fitting(example: Example, topics: Sequence[str], single: bool) -> Example:
    """Without topics that no public record names: the names themselves may be a secret."""
    if example.topics is None:
        return example
    named = tuple(name for name in example.topics if name in topics)
    fits = len(named) == 1 if single else bool(topics)
    return replace(example, topics=named if fits else None)
