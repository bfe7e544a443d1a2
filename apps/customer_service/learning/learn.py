"""From what people said to a candidate, measured beside the release that serves."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import astuple, replace
from datetime import timedelta
from functools import partial
from pathlib import Path

from apps.customer_service import evaluate
from apps.customer_service.answers.answering import Answerer
from apps.customer_service.data import (
    Example,
    Sources,
    check_measures,
    in_scope,
    read_questions,
)
from apps.customer_service.generation.kept import keep_generator, with_generator
from apps.customer_service.knowledge.store import KnowledgeStore
from apps.customer_service.learning.comparison import compare
from apps.customer_service.learning.corrections import implausible, split_known, to_examples
from apps.customer_service.learning.drift import save_usual
from apps.customer_service.learning.edits import take_edits
from apps.customer_service.learning.groups import GROUPING
from apps.customer_service.learning.knowledge import with_knowledge, without_texts
from apps.customer_service.learning.lessons import Lessons, load_lessons, save_lessons
from apps.customer_service.learning.report import write_learn_report
from apps.customer_service.learning.shadowing import ask_again
from apps.customer_service.promise.calibrating import calibrate
from apps.customer_service.promise.evidence import Evidence
from apps.customer_service.promise.promise import Promise
from apps.customer_service.release import MODEL, RERANKER, load_release, save_release
from apps.customer_service.schema import Faq
from apps.customer_service.stress.judging import decide_with
from common.console import say
from common.errors import UserError
from common.learning import review as reviewing
from common.learning.candidates.comparison import with_expectations
from common.learning.candidates.cost import Cost, time_both
from common.learning.candidates.earlier import made_from, take_earlier
from common.learning.candidates.releasing import Candidate, Learned, release_candidate
from common.learning.candidates.report import drift_section
from common.learning.purging import purged
from common.learning.review import Review, review
from common.learning.store import FeedbackStore
from common.releases.expectations import load_expectations, save_expectations
from common.releases.registry import Registry


def learn(
    registry: Registry,
    store: FeedbackStore,
    *,
    promote: bool,
    per_source: float = reviewing.PER_SOURCE,
    golden: Sequence[Path] = (),
    shadow: timedelta | None = None,
    by: Sequence[str] = GROUPING.usual,
    device: str = "auto",
) -> Learned:
    """Make a candidate of the corrections that may be learned and of live edits, and measure it.

    Knowledge and calibration change, weights do not: the corrected questions and new FAQs are
    searched, the FAQs' prototypes are fitted again, and what is promised is proven again.

    Args:
        promote: let the candidate serve if it passes the gate.
        golden: files of records to measure on, from now on, in place of those held out.
        shadow: put to the candidate what came in within this time.
        by: the groups of golden questions that may not get worse, see `GROUPING`.

    Raises:
        UserError: there is no release, or none that can learn.
    """
    release = registry.open()
    held, read_before = load_lessons(release)
    lessons = held.without(purged(registry))
    gone = held.texts - lessons.texts
    serving = replace(load_release(release, device=device), read_before=read_before)
    if golden:
        lessons = lessons.measured_on(read_questions(Sources(questions=golden), serving.faqs))
        check_measures(lessons.golden)
    if serving.index is None:
        raise UserError(
            "this release knows intents alone, and corrections name FAQs",
            hint="Train with --faqs FILE.",
        )
    serving = without_texts(serving, gone)
    edits = take_edits(serving, lessons, KnowledgeStore(store.database).edited())
    serving, lessons = edits.serving, edits.lessons
    found, learned = _review(edits.shown, lessons, store, per_source)
    store.mark_learned(learned, release.release_id)
    if not found.taken and not gone and not edits.any:
        return Learned(found)
    without = f", and without {len(gone)} texts that were purged" if gone else ""
    taken = [(one.text, one.wanted) for one in found.taken]
    measured = [astuple(one) for one in lessons.golden]
    made_of = made_from(
        release,
        taken=taken,
        without=sorted(gone),
        golden=measured,
        by=by,
        shadow=shadow,
        edits=edits.values,
    )
    mark = store.mark_learned
    if known := take_earlier(registry, made_of, found, promote=promote, mark_learned=mark):
        return known
    edited = " and what was edited live" if edits.any else ""
    say(f"Learning from {len(found.taken)} corrections{edited}{without}")
    new, examples = to_examples(found.taken, {**serving.faqs, **edits.faqs})
    new = {faq_id: faq for faq_id, faq in new.items() if faq_id not in edits.removed}
    examples = edits.added_to(examples)
    faqs = _taught({**new, **edits.faqs}, examples)
    evidence = Evidence.load(release.directory)
    candidate, promise = _candidate(serving, lessons, faqs, examples, evidence)
    comparison = compare(serving, candidate, lessons, faqs, examples, by, shown=edits.shown)
    expectations = load_expectations(release)
    comparison = with_expectations(
        comparison, expectations, decide_with(serving), decide_with(candidate)
    )
    more = replace(lessons, train=[*lessons.train, *examples])
    outcomes = evaluate.run(candidate, lessons.golden)
    summary = evaluate.summarise(outcomes)

    def save(directory: Path) -> None:
        for name in (MODEL, RERANKER):
            _link(release.directory / name, directory / name)
        keep_generator(release, directory)
        save_release(candidate, directory)
        save_lessons(directory, more, candidate)
        save_usual(directory, outcomes, more.train, candidate.faqs)
        evidence.save(directory)
        save_expectations(expectations, directory)

    def report(directory: Path, verdict: str, cost: Cost) -> None:
        drift = drift_section(registry.root, release.release_id)
        write_learn_report(directory, found, comparison, promise, verdict, cost, asked, drift)

    asked = ask_again(candidate, store, release.release_id, shadow) if shadow else None
    made = Candidate(
        release,
        found,
        comparison,
        made_of,
        save,
        report,
        with_generator({"after": summary, "promise": promise.to_json()}, release),
        time_both(partial(evaluate.run, serving), partial(evaluate.run, candidate), lessons.golden),
        asked,
    )
    return release_candidate(registry, made, promote=promote, mark_learned=mark)


def _review(
    serving: Answerer, lessons: Lessons, store: FeedbackStore, per_source: float
) -> tuple[Review, list[str]]:
    """What to learn, and the ids of rows that the release has learned already."""
    rows, learned, left_out = split_known(
        store.feedback(kind="correction"), lessons, serving.faqs.keys()
    )
    lengths = [len(example.text) for example in lessons.train]
    suspect = partial(implausible, serving)
    found = review(rows, lengths, per_source=per_source, suspect=suspect)
    return Review(found.taken, left_out + found.left_out), learned


def _candidate(
    serving: Answerer,
    lessons: Lessons,
    faqs: dict[str, Faq],
    examples: Sequence[Example],
    evidence: Evidence,
) -> tuple[Answerer, Promise]:
    """The serving release with new knowledge, calibrated again."""
    candidate = with_knowledge(serving, faqs, examples)
    known = in_scope([*lessons.train, *examples])
    budget = serving.confidence.budget if serving.confidence else 0.05
    return calibrate(candidate, lessons.validation, known, lessons.far, budget, evidence)


def _taught(faqs: Mapping[str, Faq], examples: Sequence[Example]) -> dict[str, Faq]:
    """FAQs of which a text is learned: what has none has no place among the vectors."""
    known = {one.faq_id for one in examples}
    return {faq_id: faq for faq_id, faq in faqs.items() if faq_id in known}


def _link(source: Path, target: Path) -> None:
    """The same files under another name: weights that did not change take no room twice."""
    if source.is_dir():
        shutil.copytree(source, target, copy_function=os.link)
