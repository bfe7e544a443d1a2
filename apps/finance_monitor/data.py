"""From files to examples: read, check, split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType

from apps.finance_monitor.schema import PairRecord, Part, TrainingRecord
from apps.finance_monitor.stories.companies import EntityList
from apps.finance_monitor.stories.text import prepare, spell_tickers
from apps.finance_monitor.targets.pointing import Span, occurrences, point_at
from common.console import say
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

    `target` is the sentiment towards the entity that `point_at` put in braces. From `source` and
    `segment`, whatever part of the news it is of, nothing is learned. `opposite` differs in little
    from it and has another sentiment; the two are learned side by side.
    """

    text: str
    sentiment: str | None = None
    topics: tuple[str, ...] | None = None
    target: str | None = None
    source: str | None = None
    segment: str | None = None
    opposite: Example | None = None


@dataclass(frozen=True)
class Sources:
    """The files a user gave."""

    news: Sequence[Path] = ()
    pairs: Sequence[Path] = ()
    validation: Sequence[Path] = ()
    test: Sequence[Path] = ()
    unlabelled: Sequence[Path] = ()
    mapping: Mapping[str, str] = field(default_factory=dict)
    optional: Mapping[str, str] = field(default_factory=dict)
    on_bad_row: OnBadRow = "fail"
    rejected_directory: Path | None = None
    companies: EntityList | None = None

    @property
    def tickers(self) -> Mapping[str, str]:
        """Of the companies that have one, the names."""
        return {} if self.companies is None else self.companies.tickers


@dataclass(frozen=True)
class Dataset:
    """All records, checked, and what is learned from, chosen by and reported on.

    `pairs` are learned beside the training texts; each has its opposite.
    """

    splits: Splits[Example]
    audit: Audit
    hashes: dict[str, str]
    tickers: dict[str, str] = field(default_factory=dict)
    unlabelled: list[Example] = field(default_factory=list)
    pairs: list[Example] = field(default_factory=list)

    @property
    def learned(self) -> Splits[Example]:
        """The splits, with the pairs among what is learned from."""
        return replace(self.splits, train=[*self.splits.train, *self.pairs])

    @property
    def topics(self) -> list[str]:
        """Names of the topics in training; none unless there are at least two."""
        names = sorted({name for e in self.splits.train for name in e.topics or ()})
        return names if len(names) > 1 else []

    @property
    def languages(self) -> set[str]:
        """Languages of the training texts."""
        return {language_of(example.text) for example in apart(self.learned.train)}


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
    pairs = [read_pairs(path, sources, "train") for path in sources.pairs]
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
            examples(train, sources.companies),
            examples(held, sources.companies),
            examples(_records(test), sources.companies),
        ),
        tickers=dict(sources.tickers),
        audit=audit(
            [s for file in news for s in _samples(file)]
            + [s for file in pairs for s in _samples_of_pairs(file)],
            [s for file in test for s in _samples(file)],
            {
                name
                for record in _records([*news, *validation, *test])
                for name in record.topics or ()
            },
        ),
        hashes=hashes_by_name(
            [
                *((f.source, f.sha256) for f in [*news, *validation, *test, *unlabelled]),
                *((f.source, f.sha256) for f in pairs),
            ]
        ),
        pairs=[pair(one, sources.tickers) for file in pairs for one in file],
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
    return examples(_records([_read(path, sources) for path in sources.test]), sources.companies)


def examples(
    records: Sequence[TrainingRecord], companies: EntityList | None = None
) -> list[Example]:
    """One example a record, and one more for each target that it names."""
    found = []
    tickers = {} if companies is None else companies.tickers
    for record in records:
        text = spell_tickers(prepare(record.content), tickers)
        topics = None if record.topics is None else tuple(record.topics)
        example = partial(Example, source=record.source, segment=record.segment)
        if record.sentiment is not None or topics is not None:
            found.append(example(text, record.sentiment, topics))
        named = _named(text, record, companies)
        found += [
            example(point_at(text, normalise(one.entity), named), target=one.sentiment)
            for one in record.targets
        ]
    return found


def _named(
    text: str, record: TrainingRecord, companies: EntityList | None
) -> dict[str, list[Span]]:
    """Where the targets of a record are named: as it says, or else as the list has it."""
    listed = companies.mentions(text) if companies and record.targets else {}
    found = {}
    for one in record.targets:
        name = normalise(one.entity)
        said = occurrences(text, [name, *map(normalise, one.mentions)])
        found[name] = said if one.mentions else listed.get(one.entity) or said
    return found


def apart(examples: Sequence[Example]) -> list[Example]:
    """Every text by itself: one that has an opposite, and the opposite after it."""
    found = []
    for example in examples:
        found.append(replace(example, opposite=None))
        if example.opposite is not None:
            found.append(example.opposite)
    return found


def pair(record: PairRecord, tickers: Mapping[str, str] = MappingProxyType({})) -> Example:
    """The first text of a pair, and the second as its opposite."""
    first, second = (
        Example(spell_tickers(prepare(one.text), tickers), one.sentiment) for one in record.texts
    )
    return replace(first, opposite=second)


def read_pairs(path: Path, sources: Sources, part: Part) -> Records[PairRecord]:
    """The pairs of a file that are of `part`, or of none.

    Raises:
        UserError: bad rows, or none is of that part.
    """
    file = read_records(
        path,
        PairRecord,
        on_bad_row=sources.on_bad_row,
        rejected_directory=sources.rejected_directory,
    )
    kept = [row for row, record in enumerate(file) if record.part in {None, part}]
    if not kept:
        raise UserError(
            f"no pair is of the part {part!r}",
            where=str(path),
            hint=f"Leave `part` out, or write {part!r} where a pair is for it.",
        )
    if others := len(file) - len(kept):
        say(f"{path}: {others:,} of {len(file):,} pairs are not of the part {part!r}: left out")
    items, places = [file.items[row] for row in kept], [file.places[row] for row in kept]
    return replace(file, items=items, places=places)


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
        optional=sources.optional,
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


def _samples_of_pairs(file: Records[PairRecord]) -> list[Sample]:
    return [
        Sample(one.text, one.sentiment, place)
        for record, place in zip(file.items, file.short_places, strict=True)
        for one in record.texts
    ]
