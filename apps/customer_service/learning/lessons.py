"""What a release learned from, kept with it: the next one learns from it again."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, astuple, dataclass, replace
from pathlib import Path
from typing import Any

from apps.customer_service.answers.answering import Answerer
from apps.customer_service.answers.read_before import ReadBefore
from apps.customer_service.data import Dataset, Example
from common.errors import UserError
from common.files import read_json, write_json
from common.records.fields import content_hash
from common.records.splits import Splits
from common.releases.release import Release

LESSONS = "lessons.json"
HELD_OUT = "held_out.safetensors"


@dataclass(frozen=True)
class Lessons:
    """Texts with their labels, by what they were used for.

    `far` are the bundled questions from anywhere but this business.
    """

    train: list[Example]
    validation: list[Example]
    test: list[Example]
    far: list[str]

    def without(self, hashes: Collection[str]) -> Lessons:
        """What is left when the texts of these hashes are gone."""

        def left(examples: list[Example]) -> list[Example]:
            return [one for one in examples if content_hash(one.text) not in hashes]

        return Lessons(left(self.train), left(self.validation), left(self.test), self.far)

    def measured_on(self, golden: Sequence[Example]) -> Lessons:
        """These with other golden questions, none of which is learned from."""
        asked = {example.text for example in golden}
        train = [one for one in self.train if one.text not in asked]
        return replace(self, train=train, test=list(golden))

    @property
    def splits(self) -> Splits[Example]:
        """As the core takes them."""
        return Splits(self.train, self.validation, self.test)

    @property
    def golden(self) -> list[Example]:
        """What a candidate is measured on: never learned from."""
        return self.test or self.validation

    @property
    def texts(self) -> set[str]:
        """Every text that somebody asked, whatever it is used for."""
        return {example.text for example in (*self.train, *self.validation, *self.test)}

    @property
    def held_out(self) -> list[str]:
        """Every text that is asked again of each candidate."""
        texts = [example.text for example in (*self.validation, *self.test)]
        return list(dict.fromkeys([*texts, *self.far]))


def lessons_of(dataset: Dataset, far: Sequence[str]) -> Lessons:
    """What `dataset` teaches."""
    return Lessons(dataset.splits.train, dataset.splits.validation, dataset.splits.test, list(far))


def save_lessons(directory: Path, lessons: Lessons, answerer: Answerer) -> None:
    """Write the texts, and what the model makes of those held out."""
    values: dict[str, Any] = asdict(lessons)
    for name in ("train", "validation", "test"):
        values[name] = [astuple(example) for example in getattr(lessons, name)]
    write_json(directory / LESSONS, values)
    texts = lessons.held_out
    ReadBefore.of(texts, answerer.outputs(texts)).save(directory / HELD_OUT)


def load_lessons(release: Release) -> tuple[Lessons, ReadBefore]:
    """What `save_lessons` wrote.

    Raises:
        UserError: the release is older than learning is.
    """
    path = release.directory / LESSONS
    if "privacy" in release.manifest:
        raise UserError(
            f"release {release.release_id} was trained with privacy, and holds no questions",
            hint="Train anew on all records; the budgets of both releases add up.",
        )
    if not path.exists():
        raise UserError(
            f"release {release.release_id} does not hold what it learned from",
            hint="It is of an older version: run `train` once more, on the same files.",
        )
    values: dict[str, Any] = read_json(path)
    examples = {
        name: [Example(*row) for row in values[name]] for name in ("train", "validation", "test")
    }
    lessons = Lessons(**examples, far=values["far"])
    return lessons, ReadBefore.load(release.directory / HELD_OUT, lessons.held_out)


def texts_of(release: Release) -> Collection[str]:
    """The texts that a release holds."""
    return load_lessons(release)[0].texts if (release.directory / LESSONS).exists() else ()
