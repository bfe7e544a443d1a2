"""From files to examples: read, check, split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType

from apps.finance_monitor.schema import TrainingRecord
from apps.finance_monitor.stories.text import mark, prepare, spell_tickers
from common.errors import UserError
from common.records.audit import Audit, Sample, audit
from common.records.reader import OnBadRow, Records, hashes_by_name, read_records
from common.records.splits import Splits, split
from common.records.text import language_of, normalise
from common.tuning.prompting.labels import Labelled

VALIDATION_SHARE = 0.15


@dataclass(frozen=True)
class Example:
    """A text to learn from, normalised, with the labels that are known.

    `target` is the sentiment towards the entity that `mark` marked in `text`. From `source` and
    `segment`, whatever part of the news it is of, nothing is learned.
    """

    text: str
    sentiment: str | None = None
    topics: tuple[str, ...] | None = None
    target: str | None = None
    source: str | None = None
    segment: str | None = None


@dataclass(frozen=True)
class Sources:
    """The files a user gave."""

    news: Sequence[Path] = ()
    validation: Sequence[Path] = ()
    test: Sequence[Path] = ()
    unlabelled: Sequence[Path] = ()
    mapping: Mapping[str, str] = field(default_factory=dict)
    on_bad_row: OnBadRow = "fail"
    rejected_directory: Path | None = None
    tickers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Dataset:
    """All records, checked, and what is learned from, chosen by and reported on."""

    splits: Splits[Example]
    audit: Audit
    hashes: dict[str, str]
    tickers: dict[str, str] = field(default_factory=dict)
    unlabelled: list[Example] = field(default_factory=list)

    @property
    def topics(self) -> list[str]:
        """Names of the topics in training; none unless there are at least two."""
        names = sorted({name for e in self.splits.train for name in e.topics or ()})
        return names if len(names) > 1 else []

    @property
    def languages(self) -> set[str]:
        """Languages of the training texts."""
        return {language_of(example.text) for example in self.splits.train}


def read_dataset(sources: Sources, *, seed: int = 0) -> Dataset:
    """Read all files, audit them, and split what is not split by file.

    Raises:
        UserError: nothing to learn from, or bad rows. Findings of the audit are not raised here.
    """
    if not sources.news:
        raise UserError("nothing to learn from", hint="Give --news FILE.")
    news, validation, test, unlabelled = (
        [_read(path, sources) for path in paths]
        for paths in (sources.news, sources.validation, sources.test, sources.unlabelled)
    )
    train, held = _records(news), _records(validation)
    if not validation:
        sides = split(
            train,
            label=lambda record: record.sentiment or "|".join(record.topics or ()),
            text=lambda record: record.content,
            validation=VALIDATION_SHARE,
            test=0.0,
            seed=seed,
        )
        train, held = sides.train, sides.validation
    return Dataset(
        splits=Splits(
            examples(train, sources.tickers),
            examples(held, sources.tickers),
            examples(_records(test), sources.tickers),
        ),
        tickers=dict(sources.tickers),
        audit=audit(
            [s for file in news for s in _samples(file)],
            [s for file in test for s in _samples(file)],
        ),
        hashes=hashes_by_name(
            (f.source, f.sha256) for f in [*news, *validation, *test, *unlabelled]
        ),
        unlabelled=[
            Example(spell_tickers(prepare(one.content), sources.tickers), source=one.source)
            for one in _records(unlabelled)
        ],
    )


def read_news(sources: Sources) -> list[Records[TrainingRecord]]:
    """The files of `sources.news`, as they stand."""
    return [_read(path, sources) for path in sources.news]


def read_examples(sources: Sources) -> list[Example]:
    """Held-out records of `sources.test`."""
    return examples(_records([_read(path, sources) for path in sources.test]))


def examples(
    records: Sequence[TrainingRecord], tickers: Mapping[str, str] = MappingProxyType({})
) -> list[Example]:
    """One example a record, and one more for each target that it names."""
    found = []
    for record in records:
        text = spell_tickers(prepare(record.content), tickers)
        topics = None if record.topics is None else tuple(record.topics)
        example = partial(Example, source=record.source, segment=record.segment)
        if record.sentiment is not None or topics is not None:
            found.append(example(text, record.sentiment, topics))
        found += [
            example(mark(text, normalise(t.entity)), target=t.sentiment) for t in record.targets
        ]
    return found


def read_labelled(path: Path, mapping: Mapping[str, str]) -> list[Labelled]:
    """The texts of a file, with sentiment and topics as far as they are known."""
    return [
        Labelled(
            prepare(record.content),
            {
                "sentiment": (record.sentiment,) if record.sentiment else (),
                "topics": tuple(record.topics or ()),
            },
        )
        for record in _read(path, Sources(mapping=mapping))
    ]


def _read(path: Path, sources: Sources) -> Records[TrainingRecord]:
    return read_records(
        path,
        TrainingRecord,
        mapping=sources.mapping,
        on_bad_row=sources.on_bad_row,
        rejected_directory=sources.rejected_directory,
    )


def _records(files: Sequence[Records[TrainingRecord]]) -> list[TrainingRecord]:
    return [record for file in files for record in file]


def _samples(file: Records[TrainingRecord]) -> list[Sample]:
    return [
        Sample(record.content, record.sentiment, place)
        for record, place in zip(file.items, file.short_places, strict=True)
    ]
