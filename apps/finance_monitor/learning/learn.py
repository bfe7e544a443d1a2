"""From what people said to a candidate: the serving release fine-tuned further, and measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from apps.finance_monitor import evaluate
from apps.finance_monitor.data import Example, Sources, read_examples
from apps.finance_monitor.evaluate import Outcome
from apps.finance_monitor.learning.corrections import about, split_known, to_examples
from apps.finance_monitor.learning.lessons import Lessons, facets, load_lessons, save_lessons
from apps.finance_monitor.learning.shadowing import read_again
from apps.finance_monitor.release import load_release, save_release
from apps.finance_monitor.stories.calibrating import calibrate
from apps.finance_monitor.stories.classifying import Classifier
from apps.finance_monitor.stories.text import spell_tickers
from apps.finance_monitor.task import FinanceMonitorTask, NewsModel
from common.console import say
from common.errors import UserError
from common.evaluation.report import write_report
from common.files import scratch
from common.learning import review as reviewing
from common.learning.candidates import Learned, release_candidate
from common.learning.comparison import Judged, compare
from common.learning.purging import purged
from common.learning.report import learn_sections
from common.learning.review import Review, review
from common.learning.store import FeedbackStore
from common.records.splits import Splits
from common.records.text import language_of
from common.releases.registry import Registry
from common.releases.release import Release
from common.tuning.finetune import finetune
from common.tuning.settings import Settings

# With fewer corrections a figure over those held out says nothing.
FEWEST_FOR_FOLDS = 10
FOLDS = 2
# What a correction counts beside a text that was there before.
CORRECTION_WEIGHT = 3
# A few steps, smaller than training's: what is known is to stay.
SETTINGS = Settings(epochs=2, learning_rate=5e-5, head_learning_rate=5e-4, patience=0)


@dataclass(frozen=True)
class _Learner:
    """The serving release, to be fine-tuned further from where it stands, each time anew."""

    release: Release
    device: str
    work: Path

    def learn(self, lessons: Lessons, examples: Sequence[Example]) -> Classifier:
        """A classifier that learned `examples`, with its lessons replayed."""
        serving = load_release(self.release, device=self.device)
        # It joins after fine-tuning, as it does in training.
        serving.module.topic_words = None
        taught = _spelled(lessons.with_examples(examples).train, serving)
        task = FinanceMonitorTask(taught, serving.topics)
        task.single_topic = serving.module.topic_bias is None
        train = [*taught, *(CORRECTION_WEIGHT - 1) * _spelled(examples, serving)]
        settings = SETTINGS.model_copy(update={"device": self.device})
        with scratch(self.work, ".learning-") as work:
            tuned = finetune(
                task,
                serving.backbone,
                Splits(train, lessons.validation, []),
                settings,
                work=work,
                module=serving.module,
            )
        assert isinstance(tuned.module, NewsModel)
        classifier = replace(serving, backbone=tuned.pretrained, module=tuned.module)
        return calibrate(classifier, task, lessons.validation)


def _spelled(examples: Sequence[Example], serving: Classifier) -> list[Example]:
    """As the model reads them; releases keep the tickers, so that purges find a text."""
    return [
        replace(example, text=spell_tickers(example.text, serving.tickers)) for example in examples
    ]


def learn(
    registry: Registry,
    store: FeedbackStore,
    *,
    promote: bool,
    per_source: float = reviewing.PER_SOURCE,
    golden: Sequence[Path] = (),
    shadow: timedelta | None = None,
    device: str = "auto",
) -> Learned:
    """Make a candidate of the corrections that may be learned, and measure it.

    Args:
        promote: let the candidate serve if it passes the gate.
        golden: files of records to measure on, from now on, in place of those held out.
        shadow: put to the candidate what came in within this time.

    Raises:
        UserError: there is no release, or none that can learn.
    """
    release = registry.open()
    held = load_lessons(release)
    lessons = held.without(purged(registry))
    gone = held.texts - lessons.texts
    if golden:
        lessons = lessons.measured_on(read_examples(Sources(test=golden)))
    if not lessons.validation:
        raise UserError("nothing is left to measure a candidate on", hint="Run `train` once more.")
    serving = load_release(release, device=device)
    found, learned = _review(serving, lessons, store, per_source)
    store.mark_learned(learned, release.release_id)
    if not found.taken and not gone:
        return Learned(found)
    without = f", and without {len(gone)} texts that were purged" if gone else ""
    say(f"Learning from {len(found.taken)} corrections{without}")
    examples = to_examples(found.taken)
    learner = _Learner(release, device, registry.root / "training")
    candidate = learner.learn(lessons, examples)
    after = evaluate.run(candidate, lessons.golden)
    new = facets(examples)
    held_out = len(examples) >= FEWEST_FOR_FOLDS
    comparison = compare(
        _judged(evaluate.run(serving, lessons.golden), after),
        _judged(
            evaluate.run(serving, new),
            _held_out(learner, lessons, new) if held_out else evaluate.run(candidate, new),
        ),
        new_is_held_out=held_out,
    )
    asked = read_again(candidate, registry.root, release.release_id, shadow) if shadow else None
    more = lessons.with_examples(examples)
    manifest = {"after": evaluate.summarise(after)}

    def fill(directory: Path, verdict: str) -> None:
        save_release(candidate, directory)
        save_lessons(directory, more)
        sections = learn_sections(found, comparison, verdict, asked)
        write_report(directory / "report.html", "News monitor: what was learned", sections)

    return release_candidate(
        registry,
        release,
        found,
        comparison,
        fill,
        manifest,
        promote=promote,
        mark_learned=store.mark_learned,
        shadow=asked,
    )


def _review(
    serving: Classifier, lessons: Lessons, store: FeedbackStore, per_source: float
) -> tuple[Review, list[str]]:
    """What to learn, and the ids of rows that the release has learned already."""
    rows, learned, left_out = split_known(
        store.feedback(kind="correction"),
        lessons,
        serving.topics,
        has_sentiment=serving.module.sentiments is not None,
    )
    lengths = [len(example.text) for example in lessons.train]
    found = review(rows, lengths, per_source=per_source, about=about)
    return Review(found.taken, left_out + found.left_out), learned


def _held_out(learner: _Learner, lessons: Lessons, examples: Sequence[Example]) -> list[Outcome]:
    """Each corrected text, read by a candidate that learned from the other half."""
    texts = list(dict.fromkeys(example.text for example in examples))
    fold_of = {text: number % FOLDS for number, text in enumerate(texts)}
    outcomes: dict[int, Outcome] = {}
    for fold in range(FOLDS):
        say(f"Learning half of the corrections, to ask the other half: {fold + 1} of {FOLDS}")
        own = [i for i, example in enumerate(examples) if fold_of[example.text] == fold]
        others = [example for example in examples if fold_of[example.text] != fold]
        found = evaluate.run(learner.learn(lessons, others), [examples[i] for i in own])
        outcomes |= dict(zip(own, found, strict=True))
    return [outcomes[i] for i in range(len(examples))]


def _judged(before: Sequence[Outcome], after: Sequence[Outcome]) -> list[Judged]:
    """Each label of each text by itself."""
    return [
        Judged(label.text, _is_right(old, label), _is_right(new, label), _groups(label))
        for old, new in zip(before, after, strict=True)
        for label in facets([old.example])
    ]


def _is_right(outcome: Outcome, label: Example) -> bool:
    return replace(outcome, example=label).is_right


def _groups(example: Example) -> tuple[str, ...]:
    kind = "target" if example.target else "sentiment" if example.sentiment else "topics"
    source = (f"source {example.source}",) if example.source else ()
    return (kind, f"language {language_of(example.text)}", *source)
