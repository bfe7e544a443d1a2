"""Fine-tune on labelled news, and write a release.

The same file on a laptop, one GPU or many:

    python -m apps.finance_monitor train --news news.csv --map text=title --map sentiment=label
    torchrun --nproc-per-node 2 -m apps.finance_monitor train --news news.csv …
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from torch import nn

from apps.finance_monitor import evaluate
from apps.finance_monitor.continual.continuing import Beginning, continue_from
from apps.finance_monitor.data import Dataset, Example
from apps.finance_monitor.direction.lexicon import Lexicon
from apps.finance_monitor.labelling.unlabelled import facet_of
from apps.finance_monitor.learning.lessons import lessons_of, save_lessons
from apps.finance_monitor.learning.promoting import promote_if_not_worse
from apps.finance_monitor.record import manifest
from apps.finance_monitor.release import direction_of, save_release
from apps.finance_monitor.reporting import beside_new, write_training_report
from apps.finance_monitor.stories.calibrating import calibrate
from apps.finance_monitor.stories.classifying import Classifier
from apps.finance_monitor.stories.network import FullPrecision
from apps.finance_monitor.stories.news_model import NewsModel
from apps.finance_monitor.stress.judging import decide_with
from apps.finance_monitor.task import FinanceMonitorTask
from apps.finance_monitor.teaching.teacher import teacher_of
from common.errors import UserError
from common.evaluation.compare import Difference
from common.evaluation.linear import LinearPeer
from common.evaluation.stress.expectations.expectation import Expectations
from common.learning.candidates.groups import GroupGate, require_column
from common.models.devices import pick_device, pick_precision
from common.models.encoder import Encoder
from common.releases import gate
from common.releases.expectations import check_next, save_expectations
from common.releases.record import of_descent
from common.releases.registry import Registry
from common.releases.release import Release, write_release
from common.tuning.continual.fitting import learn_further
from common.tuning.continual.forgetting import Forgetting
from common.tuning.distillation.learning import learn
from common.tuning.distillation.teaching import Teach
from common.tuning.finetune import Tuned
from common.tuning.imbalance import ClassLoss
from common.tuning.labelling.pseudo_labels import PseudoLabels
from common.tuning.processes import is_main_process
from common.tuning.reading import audit_reading
from common.tuning.search.prepared import Prepare, Prepared
from common.tuning.settings import Settings
from common.tuning.starting import find_backbone, load_to_learn, run_name
from common.tuning.task import check_monitor


@dataclass(frozen=True)
class Trained:
    """What a run ends with: a release, and the metrics before and after.

    `forgetting` and `further`, the metrics of old and new texts, are of one trained from another.
    """

    release: Release
    before: dict[str, float]
    after: dict[str, float]
    difference: Difference | None
    peer: LinearPeer | None
    promoted: bool
    forgetting: Sequence[Forgetting] = ()
    further: dict[str, dict[str, float]] | None = None


def train(
    dataset: Dataset,
    settings: Settings,
    registry: Registry,
    *,
    backbone: str = "auto",
    teacher: str | None = None,
    from_release: str | None = None,
    max_forgetting: float | None = None,
    resume: bool = False,
    promote: bool | None = None,
    expectations: Expectations | None = None,
    groups: GroupGate[Example] | None = None,
    lexicon: Lexicon | None = None,
) -> Trained | None:
    """Fine-tune, calibrate, measure, write a release, and promote it if the gate lets it.

    Args:
        teacher: a release that is learned from beside the labels.
        from_release: the id of a release to train further; see `continue_from`.
        max_forgetting: how much of the share of old records that is right it may lose;
            None: as usual.
        resume: go on with the same run where it was interrupted.
        promote: None: the gate decides; True: also where the gate sees too little; False: never.
        expectations: what the release is held to, and later ones; None: as the one that serves.
        groups: those that it may not be worse for; None: the usual ones.
        lexicon: the words that say which way a text points; None: those of the release it is
            trained from, or those that come with the application.

    Returns:
        None in all processes of a `torchrun` but the first.

    Raises:
        UserError: too few texts to learn from, a teacher with other labels, or a column to group
            by that tells nothing of held-out records.
        RefusedError: the release is kept, but it is worse than the one that serves, or it forgot
            too much of the one that it was trained from.
    """
    require_column(
        groups.grouping if groups else None, dataset.splits.test or dataset.splits.validation
    )
    begin = (
        _begin(dataset, settings, backbone)
        if from_release is None
        else continue_from(registry, from_release, dataset, settings, backbone)
    )
    task, loaded = begin.task, begin.encoder
    check_monitor(task.monitors, settings.monitor)
    teach = teacher_of(registry, teacher, task, settings)
    source, parent = loaded.source, begin.parent
    name = run_name(begin.dataset.hashes, settings, source, teacher, from_release)
    work = registry.root / "training" / name
    texts = [example.text for example in begin.dataset.splits.train]
    audit = audit_reading(begin.dataset.audit, loaded, texts)
    dataset = replace(begin.dataset, audit=audit)
    held_out = dataset.splits.test or dataset.splits.validation
    before = begin.before
    tuned, pseudo = _learn(begin, settings, teach, work, resume)
    if not is_main_process():
        return None

    assert isinstance(tuned.module, NewsModel)
    classifier = calibrate(
        Classifier(
            "",
            FullPrecision(tuned.module, tuned.pretrained),
            task.topics,
            tickers=dataset.tickers,
            direction=direction_of(parent.release) if parent else None,
        ),
        task,
        dataset.splits.validation,
        lexicon=lexicon,
    )
    after = evaluate.run(classifier, held_out)
    difference = evaluate.difference(before, after)
    peer = evaluate.linear_peer(task.training, after)
    lessons = lessons_of(parent.lessons if parent else dataset.learned, classifier)
    forgetting = parent.forgetting(before, after) if parent else []
    further = beside_new(before, after, parent.old) if parent else None
    checked = check_next(registry, expectations, decide_with(classifier))

    def fill(directory: Path) -> None:
        save_release(classifier, directory)
        save_lessons(directory, lessons)
        save_expectations(checked.expectations if checked else None, directory)
        write_training_report(
            directory / "report.html",
            tuned=tuned,
            monitor=tuned.monitor.name,
            audit=dataset.audit,
            before=before,
            after=after,
            difference=difference,
            peer=peer,
            has_test=bool(dataset.splits.test),
            further=further,
        )

    recorded = manifest(dataset, settings, source, tuned, before, after)
    recorded["teacher"] = teacher
    recorded["linear_model"] = peer and asdict(peer)
    recorded["pseudo_labels"] = pseudo and pseudo.to_json()
    recorded["topics"] = task.topics
    recorded["direction"] = classifier.direction and classifier.direction.to_json()
    recorded["expectations"] = checked and checked.summary()
    if parent:
        recorded |= of_descent(parent.release, settings, forgetting)
    release = write_release(registry.releases, fill, recorded)
    if promote is not False:
        gate.check_forgetting(forgetting, max_forgetting)
    promoted = promote is not False and promote_if_not_worse(
        registry,
        release,
        after,
        held_out,
        insisted=promote is True,
        checked=checked,
        groups=groups,
    )
    return Trained(
        release,
        evaluate.summarise(before),
        evaluate.summarise(after),
        difference,
        peer,
        promoted,
        forgetting,
        further,
    )


def trials(dataset: Dataset, backbone: str) -> Prepare:
    """What a search over settings fine-tunes again and again.

    Raises:
        UserError: too few texts to learn from.
    """
    _check(dataset)
    source = find_backbone(backbone, dataset.languages)

    def prepare(settings: Settings) -> Prepared:
        loaded = load_to_learn(source, settings)
        return Prepared(_task(dataset, settings), loaded, dataset.splits)

    return prepare


def _begin(dataset: Dataset, settings: Settings, backbone: str) -> Beginning:
    _check(dataset)
    task = _task(dataset, settings)
    source = find_backbone(backbone, dataset.languages)
    loaded = load_to_learn(source, settings)
    device = pick_device(settings.device)
    nn.Module.to(loaded.network, device)
    module = task.build(loaded, pick_precision(settings.precision, device)).to(device).eval()
    held_out = dataset.splits.test or dataset.splits.validation
    before = evaluate.run(Classifier("", FullPrecision(module, loaded), dataset.topics), held_out)
    return Beginning(dataset, task, loaded, module, before)


def _learn(
    begin: Beginning, settings: Settings, teach: Teach | None, work: Path, resume: bool
) -> tuple[Tuned[Encoder], PseudoLabels | None]:
    """What a release knows is learned further; anything else from the pretrained model."""
    task, encoder, module, splits = begin.task, begin.encoder, begin.module, begin.dataset.learned
    if begin.parent is None:
        return learn(
            task,
            encoder,
            splits,
            settings,
            teach=teach,
            unlabelled=begin.dataset.unlabelled,
            facet=None if teach or settings.distils_ensemble else facet_of(task, begin.dataset),
            load=partial(load_to_learn, encoder.source, settings),
            work=work,
            resume=resume,
            module=module,
        )
    tuned = learn_further(
        task, encoder, module, splits, settings, begin.terms, work=work, resume=resume
    )
    return tuned, None


def _task(dataset: Dataset, settings: Settings) -> FinanceMonitorTask:
    return FinanceMonitorTask(
        dataset.learned.train, dataset.topics, ClassLoss.of(settings), settings.pair_weight
    )


def _check(dataset: Dataset) -> None:
    dataset.audit.raise_on_errors()
    splits = dataset.splits
    sentiments = {e.sentiment for e in splits.train if e.sentiment}
    targets = {e.target for e in splits.train if e.target}
    if max(len(sentiments), len(targets)) < 2 and not dataset.topics:
        raise UserError(
            "nothing to tell apart: there are no two sentiments, of texts or of targets, and no "
            "two topics",
            hint="Name the columns: --map sentiment=COLUMN --map topics=COLUMN "
            "--map targets=COLUMN",
        )
    if not splits.validation:
        raise UserError(
            "too few texts to learn from",
            hint="Give more texts: a few of each label are held out for evaluation.",
        )
