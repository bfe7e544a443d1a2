"""From files to examples: read, check, split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from apps.customer_service.schema import OUT_OF_SCOPE, Faq, Question
from common.errors import UserError
from common.records.audit import Audit, Sample, audit
from common.records.personal import prepare
from common.records.reader import OnBadRow, R, Records, hashes_by_name, read_records
from common.records.splits import Splits, split
from common.records.spoken.language import language_of_both
from common.records.text import fold, language_of
from common.releases.release import Release
from common.tuning.prompting.labels import Labelled

# Of the questions, or of the wordings where there are no questions.
VALIDATION_SHARE = 0.1
CALIBRATION_SHARE = 0.2


@dataclass(frozen=True)
class Example:
    """A text to learn from, prepared: the FAQ that answers it, its intent, as far as known.

    `segment` is whatever part of the customers it comes from; nothing is learned from it.
    """

    text: str
    faq_id: str | None
    intent: str | None
    segment: str | None = None


@dataclass(frozen=True)
class Sources:
    """The files a user gave; several files of one kind are read one after the other."""

    faqs: Sequence[Path] = ()
    questions: Sequence[Path] = ()
    validation: Sequence[Path] = ()
    test: Sequence[Path] = ()
    unlabelled: Sequence[Path] = ()
    mapping: Mapping[str, str] = field(default_factory=dict)
    optional: Mapping[str, str] = field(default_factory=dict)
    on_bad_row: OnBadRow = "fail"
    rejected_directory: Path | None = None


@dataclass(frozen=True)
class Dataset:
    """All records, checked, and what is learned from, chosen by and reported on.

    `calibration` is learned last, after it has shown how sure the model may be of what it does not
    know; validation questions never are.
    """

    faqs: dict[str, Faq]
    splits: Splits[Example]
    audit: Audit
    hashes: dict[str, str]
    calibration: list[Example] = field(default_factory=list)
    unlabelled: list[Example] = field(default_factory=list)

    @property
    def knowledge(self) -> list[Example]:
        """Texts to learn from: FAQ variants first, then the training questions."""
        return self.splits.train

    @property
    def not_learned(self) -> list[Example]:
        """Questions that a model has not seen until its calibration is done."""
        return [*self.splits.validation, *self.calibration]

    def learning_everything(self) -> Dataset:
        """The same with the calibration questions among what is learned from."""
        train = [*self.splits.train, *self.calibration]
        return replace(self, splits=replace(self.splits, train=train), calibration=[])

    @property
    def in_scope(self) -> list[Example]:
        """What is learned from and has an intent that may be answered."""
        return in_scope(self.knowledge)

    @property
    def intents(self) -> list[str]:
        """Names of the intents in training; none unless there are at least two."""
        names = sorted({e.intent for e in self.splits.train if e.intent is not None})
        return names if len(set(names) - {OUT_OF_SCOPE}) > 1 else []

    @property
    def languages(self) -> set[str]:
        """Languages of the training texts."""
        return {language_of(example.text) for example in self.splits.train}


def in_scope(examples: Sequence[Example]) -> list[Example]:
    """Those that have an intent that may be answered."""
    return [example for example in examples if example.intent not in {None, OUT_OF_SCOPE}]


def check_measures(held_out: Sequence[Example]) -> None:
    """See that a release can be right on some of the questions that it is measured on.

    Raises:
        UserError: all of them are out of scope.
    """
    if held_out and not any(example.intent != OUT_OF_SCOPE for example in held_out):
        raise UserError(
            "all held-out questions are out of scope: none of them tells which release is better",
            hint="Hold out questions that have an answer, too.",
        )


def read_dataset(
    sources: Sources, *, seed: int = 0, known: Mapping[str, Faq] | None = None
) -> Dataset:
    """Read all files, audit them, and split what is not split by file.

    Args:
        known: FAQs that questions may name besides those of the files.

    Raises:
        UserError: nothing to learn from, bad rows, a question whose FAQ is unknown, or two FAQs
            with one id. Findings of the audit are not raised here.
    """
    if not sources.faqs and not sources.questions:
        raise UserError("nothing to learn from", hint="Give --faqs FILE, --questions FILE or both.")
    faq_files = [_read(path, Faq, sources) for path in sources.faqs]
    faqs = _by_id(faq_files)
    named = {**(known or {}), **faqs}
    asked = {
        name: [_read(p, Question, sources) for p in paths]
        for name, paths in (
            ("questions", sources.questions),
            ("validation", sources.validation),
            ("test", sources.test),
        )
    }
    examples = {name: _examples(files, named) for name, files in asked.items()}
    unlabelled = [_read(path, Question, sources) for path in sources.unlabelled]
    variants = [
        Sample(variant, faq.id, place)
        for file in faq_files
        for faq, place in zip(file.items, file.short_places, strict=True)
        for variant in faq.variants
    ]
    train = [*variants, *(s for file in asked["questions"] for s in _samples(file))]
    intents = {e.intent for group in examples.values() for e in group if e.intent}
    checked = audit(
        train,
        [s for file in asked["test"] for s in _samples(file)],
        intents | {faq.intent for faq in faqs.values() if faq.intent},
    )
    question_files = [file for group in (*asked.values(), unlabelled) for file in group]
    splits, calibration = _split(faqs, examples, seed)
    return Dataset(
        faqs=faqs,
        splits=splits,
        calibration=calibration,
        unlabelled=[
            Example(prepare(question.question), None, None)
            for file in unlabelled
            for question in file
        ],
        audit=checked,
        hashes=hashes_by_name(
            [
                *((f.source, f.sha256) for f in faq_files),
                *((f.source, f.sha256) for f in question_files),
            ]
        ),
    )


def _read(path: Path, record: type[R], sources: Sources) -> Records[R]:
    fields = {name: col for name, col in sources.mapping.items() if name in record.model_fields}
    return read_records(
        path,
        record,
        mapping=fields,
        optional=sources.optional,
        on_bad_row=sources.on_bad_row,
        rejected_directory=sources.rejected_directory,
    )


def _by_id(files: Sequence[Records[Faq]]) -> dict[str, Faq]:
    faqs: dict[str, Faq] = {}
    for file in files:
        for faq, place in zip(file.items, file.places, strict=True):
            if faq.id in faqs:
                raise UserError(f"id: {faq.id!r} appears twice", where=place)
            language = faq.language or language_of_both(faq.question, faq.answer)
            faqs[faq.id] = faq.model_copy(update={"language": language})
    return faqs


def _examples(files: Sequence[Records[Question]], faqs: Mapping[str, Faq]) -> list[Example]:
    examples = []
    for file in files:
        for question, place in zip(file.items, file.places, strict=True):
            if question.faq_id and faqs and question.faq_id not in faqs:
                raise UserError(f"faq_id: there is no FAQ {question.faq_id!r}", where=place)
            faq = faqs.get(question.faq_id or "")
            intent = question.intent or (faq.intent if faq else None)
            faq_id = faq.id if faq and intent != OUT_OF_SCOPE else None
            examples.append(Example(prepare(question.question), faq_id, intent, question.segment))
    return examples


def _samples(file: Records[Question]) -> list[Sample]:
    return [
        Sample(question.question, question.faq_id or question.intent, place)
        for question, place in zip(file.items, file.short_places, strict=True)
    ]


def _split(
    faqs: Mapping[str, Faq], examples: Mapping[str, list[Example]], seed: int
) -> tuple[Splits[Example], list[Example]]:
    """What is learned from, chosen by and reported on; and what calibrates.

    FAQ texts are always learned from; a held-out text is never among what is searched.
    """
    variants = variants_of(faqs)
    questions = examples["questions"]
    validation, test = examples["validation"], examples["test"]
    if not questions and not validation:
        train, validation, calibration = _split_by_label(variants, VALIDATION_SHARE, seed)
        return Splits(train, validation, test), calibration
    seen = {fold(variant.text) for variant in variants}
    fresh = [example for example in questions if fold(example.text) not in seen]
    known = [example for example in questions if fold(example.text) in seen]
    share = 0.0 if validation else VALIDATION_SHARE
    train, own, calibration = _split_by_label(fresh, share, seed)
    return Splits([*variants, *known, *train], validation or own, test), calibration


def variants_of(faqs: Mapping[str, Faq]) -> list[Example]:
    """What is learned and searched of the FAQs themselves: wordings, and sentences of answers."""
    return [
        Example(prepare(text), faq.id, faq.intent)
        for faq in faqs.values()
        for text in [*faq.variants, *faq.answer_sentences]
    ]


def _split_by_label(
    examples: Sequence[Example], validation: float, seed: int
) -> tuple[list[Example], list[Example], list[Example]]:
    """Train, validation and calibration; where there is but one to hold out, it validates."""
    sides = split(
        examples,
        label=lambda example: example.faq_id or example.intent or "",
        text=lambda example: example.text,
        validation=validation,
        test=CALIBRATION_SHARE,
        seed=seed,
    )
    if validation and not sides.validation:
        return sides.train, sides.test, []
    return sides.train, sides.validation, sides.test


def read_faqs(sources: Sources) -> dict[str, Faq]:
    """The FAQs of `sources.faqs`, by id.

    Raises:
        UserError: bad rows, or two FAQs with one id.
    """
    return _by_id([_read(path, Faq, sources) for path in sources.faqs])


def read_question_files(sources: Sources) -> list[Records[Question]]:
    """The files of `sources.questions`, as they stand."""
    return [_read(path, Question, sources) for path in sources.questions]


def read_questions(sources: Sources, faqs: Mapping[str, Faq]) -> list[Example]:
    """Held-out questions for a release that knows `faqs`.

    Raises:
        UserError: bad rows, or a question whose FAQ the release does not know.
    """
    return _examples(read_question_files(sources), faqs)


def read_labelled(path: Path, mapping: Mapping[str, str]) -> list[Labelled]:
    """The questions of a file, with their intents as far as they are known."""
    return [
        Labelled(
            prepare(question.question),
            {"intent": (question.intent,) if question.intent else ()},
        )
        for question in _read(path, Question, Sources(mapping=mapping))
    ]


def read_faqs_of(release: Release) -> dict[str, Faq]:
    """The FAQs that a release answers with; none in a release of intents alone."""
    path = release.directory / "faqs.jsonl"
    return {faq.id: faq for faq in read_records(path, Faq)} if path.exists() else {}
