"""What a release learned from, kept with it: the next one learns from it again."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from apps.finance_monitor.data import Example, apart
from apps.finance_monitor.stories.classifying import Classifier
from apps.finance_monitor.stories.text import spell_tickers
from apps.finance_monitor.targets.pointing import CLOSING, OPENING, without_braces
from common.errors import UserError
from common.files import read_json, write_json
from common.learning.replay import MOST_EXEMPLARS, herd
from common.models.prediction import predict
from common.records.fields import content_hash
from common.records.splits import Splits
from common.records.text import fold
from common.releases.release import Release

LESSONS = "lessons.json"
# What a text is asked about stands between them.
BRACES = re.compile(r"[{}]")
# A company that stands in braces once, before everything else.
PUT_IN_FRONT = re.compile(r"\{[^{}]*\} ([^{}]*)", re.DOTALL)


@dataclass(frozen=True)
class Lessons:
    """Labelled texts, by what they are used for; `train` are exemplars where there were many."""

    train: list[Example]
    validation: list[Example]
    test: list[Example]

    @property
    def golden(self) -> list[Example]:
        """What a candidate is measured on: never learned from."""
        return self.test or self.validation

    @property
    def examples(self) -> list[Example]:
        """All, whatever they are used for."""
        return [*self.train, *self.validation, *self.test]

    @property
    def texts(self) -> set[str]:
        """Those of all examples, as `plain_text` has them."""
        return {plain_text(one) for one in self.examples}

    def without(self, hashes: Collection[str]) -> Lessons:
        """What is left when the texts of these hashes are gone."""

        def left(examples: list[Example]) -> list[Example]:
            return [one for one in examples if not hashes_of(one) & {*hashes}]

        return Lessons(left(self.train), left(self.validation), left(self.test))

    def spelled(self, tickers: Mapping[str, str]) -> Lessons:
        """These with all texts as a model that knows these tickers reads them."""
        return Lessons(
            spelled(self.train, tickers),
            spelled(self.validation, tickers),
            spelled(self.test, tickers),
        )

    def measured_on(self, golden: Sequence[Example]) -> Lessons:
        """These with other golden texts, none of which is learned from."""
        is_asked = among(golden)
        train = [one for one in self.train if not is_asked(one)]
        return replace(self, train=train, test=list(golden))

    def with_examples(self, examples: Sequence[Example]) -> Lessons:
        """These and what is new; what is new goes before what the same text taught."""
        taught = {(_key(one), name) for one in examples for name in _labels(one)}
        kept = [_untaught(one, taught) for one in self.train]
        kept = [one for one in kept if _labels(one)]
        return replace(self, train=[*kept, *examples])


def plain_text(example: Example) -> str:
    """The text without the braces around a company, its own ones as parentheses.

    A name that `point_at` put in front stays there.
    """
    if example.target is None:
        return without_braces(example.text)
    return example.text.replace(OPENING, "").replace(CLOSING, "")


def plain_texts(example: Example) -> set[str]:
    """What its text may have been: that is what somebody corrects or purges.

    A name in front, as in `{Alba} sails`, is of the text, or was put there by `point_at`.
    """
    found = {plain_text(example)}
    if example.target is not None and (put := PUT_IN_FRONT.fullmatch(example.text)):
        found.add(put[1])
    return found


def among(examples: Sequence[Example]) -> Callable[[Example], bool]:
    """Whether the text of a further example is that of one of these.

    Two that agree only without the names in front of them are not: `{Alba} sails`, `{Borel} sails`.
    """
    certain = {fold(plain_text(one)) for one in examples}
    perhaps = {fold(text) for one in examples for text in plain_texts(one)}

    def is_among(one: Example) -> bool:
        whole, spellings = fold(plain_text(one)), {*map(fold, plain_texts(one))}
        return whole in perhaps or not spellings.isdisjoint(certain)

    return is_among


def hashes_of(example: Example) -> set[str]:
    """Those that a purge may have left of its text; older ones are of the text with braces."""
    return {content_hash(text) for text in (example.text, *plain_texts(example))}


def _key(example: Example) -> tuple[str, ...]:
    """The same for the same text, whatever its case and signs, about the same company."""
    return tuple(map(fold, BRACES.split(example.text)))


def _labels(example: Example) -> list[str]:
    """Which labels an example has."""
    names = ("sentiment", "topics", "target")
    return [name for name in names if getattr(example, name) is not None]


def _untaught(example: Example, taught: Collection[tuple[tuple[str, ...], str]]) -> Example:
    key = _key(example)
    gone: dict[str, Any] = {name: None for name in _labels(example) if (key, name) in taught}
    return replace(example, **gone)


def facets(examples: Sequence[Example]) -> list[Example]:
    """One example for each label that a text has: each is right or wrong by itself."""
    found = []
    for example in examples:
        if example.sentiment is not None or example.target is not None:
            found.append(replace(example, topics=None))
        if example.topics is not None:
            found.append(replace(example, sentiment=None, target=None))
    return found


def spelled(examples: Sequence[Example], tickers: Mapping[str, str]) -> list[Example]:
    """As a model that knows these tickers reads them.

    So are those of which a release was trained; what it learned later keeps its tickers.
    """
    return [replace(example, text=spell_tickers(example.text, tickers)) for example in examples]


def lessons_of(taught: Splits[Example] | Lessons, classifier: Classifier) -> Lessons:
    """What was taught; of many texts, those that stand for their classes."""
    train = apart(taught.train)
    if len(train) > MOST_EXEMPLARS:
        from common.models.heads import Embedder

        reader = Embedder(classifier.module.pooled)
        found = predict(reader, classifier.backbone, [one.text for one in train])
        vectors = np.asarray(found["embedding"].numpy(), dtype=np.float32)
        classes = [(one.sentiment, one.topics, one.target) for one in train]
        train = [train[row] for row in herd(vectors, classes)]
    return Lessons(train, list(taught.validation), list(taught.test))


def save_lessons(directory: Path, lessons: Lessons) -> None:
    """Write the texts and their labels."""
    names = ("train", "validation", "test")
    values = {name: [astuple(one) for one in getattr(lessons, name)] for name in names}
    write_json(directory / LESSONS, values)


def load_lessons(release: Release) -> Lessons:
    """What `save_lessons` wrote.

    Raises:
        UserError: the release is older than learning is.
    """
    path = release.directory / LESSONS
    if "privacy" in release.manifest:
        raise UserError(
            f"release {release.release_id} was trained with privacy, and holds no texts",
            hint="Train anew on all records; the budgets of both releases add up.",
        )
    if not path.exists():
        raise UserError(
            f"release {release.release_id} does not hold what it learned from",
            hint="It is of an older version: run `train` once more, on the same files.",
        )
    values: dict[str, Any] = read_json(path)
    return Lessons(**{name: [_example(row) for row in rows] for name, rows in values.items()})


def texts_of(release: Release) -> Collection[str]:
    """What the texts that a release holds may have been, see `plain_texts`."""
    if not (release.directory / LESSONS).exists():
        return ()
    return {text for one in load_lessons(release).examples for text in plain_texts(one)}


def _example(row: Sequence[Any]) -> Example:
    # Older releases know no segment, and no opposites.
    text, sentiment, topics, *further = row
    return Example(text, sentiment, None if topics is None else tuple(topics), *further)
