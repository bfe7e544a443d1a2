"""From what people said to a candidate: the serving release fine-tuned further, and measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path

from apps.finance_monitor import evaluate
from apps.finance_monitor.data import Example, Sources, read_examples
from apps.finance_monitor.learning.comparison import compare
from apps.finance_monitor.learning.corrections import about, claim, split_known, to_examples
from apps.finance_monitor.learning.groups import GROUPING
from apps.finance_monitor.learning.lessons import Lessons, load_lessons, save_lessons, spelled
from apps.finance_monitor.learning.shadowing import read_again
from apps.finance_monitor.release import load_release, reopen, save_release, tickers_of
from apps.finance_monitor.state.opening import place_of
from apps.finance_monitor.stories.calibrating import calibrate
from apps.finance_monitor.stories.classifying import Classifier
from apps.finance_monitor.stories.network import FullPrecision
from apps.finance_monitor.stories.news_model import NewsModel
from apps.finance_monitor.stress.judging import decide_with
from apps.finance_monitor.task import FinanceMonitorTask
from common.console import say
from common.errors import UserError
from common.evaluation.report import write_report
from common.files import scratch
from common.learning import review as reviewing
from common.learning.candidates.comparison import with_expectations
from common.learning.candidates.cost import Cost, time_both
from common.learning.candidates.earlier import made_from, take_earlier
from common.learning.candidates.releasing import Candidate, Learned, release_candidate
from common.learning.candidates.report import curves_section, drift_section, learn_sections
from common.learning.purging import purged
from common.learning.review import Review, review
from common.learning.store import FeedbackStore
from common.models.encoder import Encoder
from common.records.splits import Splits
from common.releases.expectations import load_expectations, save_expectations
from common.releases.registry import Registry
from common.releases.release import REPORT, Release
from common.tuning.adapting.settings import beside_its_base
from common.tuning.finetune import Tuned, finetune
from common.tuning.settings import Settings

# What a correction counts beside a text that was there before.
CORRECTION_WEIGHT = 3
# A few steps, half as large as training's: what is known is to stay.
SETTINGS = Settings(epochs=2, head_learning_rate=5e-4, patience=0)
SMALLER = 0.5


@dataclass(frozen=True)
class _Learner:
    """The serving release, to be fine-tuned further from where it stands, each time anew."""

    release: Release
    device: str
    work: Path

    def learn(self, lessons: Lessons, examples: Sequence[Example]) -> Classifier:
        """A classifier that learned `examples`, with its lessons replayed."""
        return self.tune(lessons, examples)[0]

    def tune(
        self, lessons: Lessons, examples: Sequence[Example]
    ) -> tuple[Classifier, Tuned[Encoder]]:
        """The same, and how it came about."""
        serving = reopen(self.release, self.device)
        taught = lessons.with_examples(examples).train
        task = FinanceMonitorTask(taught, serving.topics)
        task.single_topic = serving.module.topic_bias is None
        train = [*taught, *(CORRECTION_WEIGHT - 1) * list(examples)]
        as_before = beside_its_base(serving.backbone.network)
        usual = SETTINGS.but(device=self.device, **as_before)
        settings = usual.but(learning_rate=SMALLER * usual.learning_rate)
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
        classifier = replace(serving, network=FullPrecision(tuned.module, tuned.pretrained))
        return calibrate(classifier, task, lessons.validation), tuned


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
    """Make a candidate of the corrections that may be learned, and measure it.

    Args:
        promote: let the candidate serve if it passes the gate.
        golden: files of records to measure on, from now on, in place of those held out.
        shadow: put to the candidate what came in within this time.
        by: the groups of golden texts that may not get worse, see `GROUPING`.

    Raises:
        UserError: there is no release, or none that can learn.
    """
    release = registry.open()
    held = load_lessons(release)
    lessons = held.without(purged(registry))
    gone = held.texts - lessons.texts
    tickers = tickers_of(release)
    lessons = lessons.spelled(tickers)
    if golden:
        lessons = lessons.measured_on(spelled(read_examples(Sources(test=golden)), tickers))
    if not lessons.validation:
        raise UserError("nothing is left to measure a candidate on", hint="Run `train` once more.")
    serving = load_release(release, device=device)
    found, learned = _review(serving, lessons, store, per_source)
    store.mark_learned(learned, release.release_id)
    if not found.taken and not gone:
        return Learned(found)
    without = f", and without {len(gone)} texts that were purged" if gone else ""
    taken = [(one.text, one.wanted) for one in found.taken]
    measured = [astuple(one) for one in lessons.golden]
    made_of = made_from(
        release, taken=taken, without=sorted(gone), golden=measured, by=by, shadow=shadow
    )
    mark = store.mark_learned
    if known := take_earlier(registry, made_of, found, promote=promote, mark_learned=mark):
        return known
    say(f"Learning from {len(found.taken)} corrections{without}")
    examples = spelled(to_examples(found.taken), tickers)
    learner = _Learner(release, device, registry.root / "training")
    candidate, tuned = learner.tune(lessons, examples)
    comparison, after = compare(
        serving, candidate, lessons, examples, partial(learner.learn, lessons), by
    )
    expectations = load_expectations(release)
    comparison = with_expectations(
        comparison, expectations, decide_with(serving), decide_with(candidate)
    )
    kept = place_of(registry.root, store.database.url)
    asked = read_again(candidate, kept, release.release_id, shadow) if shadow else None

    def save(directory: Path) -> None:
        save_release(candidate, directory)
        save_lessons(directory, lessons.with_examples(examples))
        save_expectations(expectations, directory)

    def report(directory: Path, verdict: str, cost: Cost) -> None:
        drift = drift_section(registry.root, release.release_id)
        further = [*curves_section(tuned), *drift]
        sections = learn_sections(found, comparison, verdict, cost, asked, further)
        write_report(directory / REPORT, "News monitor: what was learned", sections)

    made = Candidate(
        release,
        found,
        comparison,
        made_of,
        save,
        report,
        {
            "after": evaluate.summarise(after),
            "direction": candidate.direction and candidate.direction.to_json(),
        },
        time_both(partial(evaluate.run, serving), partial(evaluate.run, candidate), lessons.golden),
        asked,
    )
    return release_candidate(registry, made, promote=promote, mark_learned=mark)


def _review(
    serving: Classifier, lessons: Lessons, store: FeedbackStore, per_source: float
) -> tuple[Review, list[str]]:
    """What to learn, and the ids of rows that the release has learned already."""
    rows, learned, left_out = split_known(
        store.feedback(kind="correction"),
        lessons,
        serving.topics,
        has_sentiment=serving.module.sentiments is not None,
        has_targets=serving.module.targets is not None,
        tickers=serving.tickers,
    )
    lengths = [len(example.text) for example in lessons.train]
    found = review(rows, lengths, per_source=per_source, about=about, claim=claim)
    return Review(found.taken, left_out + found.left_out), learned
