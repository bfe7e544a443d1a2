"""From tables and corrections to examples: read, check, split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.applications.application import Application, Example
from common.learning.review import Review, review
from common.learning.schema import Feedback
from common.records.audit import Audit, Sample, audit
from common.records.reader import OnBadRow, Records, hashes_by_name, read_records
from common.records.splits import Splits, split
from common.records.text import fold, language_of

VALIDATION_SHARE = 0.2


@dataclass(frozen=True)
class Sources:
    """The files of a user, and how they are read."""

    examples: Sequence[Path]
    test: Sequence[Path] = ()
    mapping: Mapping[str, str] = field(default_factory=dict)
    on_bad_row: OnBadRow = "fail"
    rejected_directory: Path | None = None


@dataclass(frozen=True)
class Dataset:
    """What is learned from, chosen by and reported on; `review` says which corrections count."""

    splits: Splits[Example]
    audit: Audit
    hashes: dict[str, str]
    review: Review

    @property
    def languages(self) -> set[str]:
        """Of the training texts."""
        return {language_of(example.text) for example in self.splits.train}


def read_dataset(
    application: Application, sources: Sources, said: Sequence[Feedback] = (), *, seed: int = 0
) -> Dataset:
    """Read all files, audit them, hold a part out, and let corrections overrule the tables.

    Raises:
        UserError: a file that cannot be read, or bad rows.
    """
    files, tests = (
        [_read(application, path, sources) for path in paths]
        for paths in (sources.examples, sources.test)
    )
    parts = split(
        _examples(application, files),
        label=lambda one: one.stratum,
        text=lambda one: one.text,
        validation=VALIDATION_SHARE,
        test=0.0,
        seed=seed,
    )
    found = review(said, [len(one.text) for one in parts.train])
    corrected = [application.learned(one.text, one.wanted) for one in found.taken]
    overruled = {fold(one.text) for one in corrected}
    train, validation, test = (
        [one for one in part if fold(one.text) not in overruled]
        for part in (parts.train, parts.validation, _examples(application, tests))
    )
    return Dataset(
        Splits([*train, *corrected], validation, test),
        audit(_samples(application, files), _samples(application, tests)),
        hashes_by_name([(file.source, file.sha256) for file in [*files, *tests]]),
        found,
    )


def read_examples(application: Application, sources: Sources) -> list[Example]:
    """The held-out examples of `sources.test`."""
    return _examples(application, [_read(application, path, sources) for path in sources.test])


def _read(application: Application, path: Path, sources: Sources) -> Records[Any]:
    return read_records(
        path,
        application.row,
        mapping=sources.mapping,
        on_bad_row=sources.on_bad_row,
        rejected_directory=sources.rejected_directory,
    )


def _examples(application: Application, files: Sequence[Records[Any]]) -> list[Example]:
    return list(application.examples_of([row for file in files for row in file]))


def _samples(application: Application, files: Sequence[Records[Any]]) -> list[Sample]:
    return [
        Sample(*application.audited(row), place)
        for file in files
        for row, place in zip(file.items, file.short_places, strict=True)
    ]
