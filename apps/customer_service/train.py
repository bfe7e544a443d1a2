"""Fine-tune on a business's own FAQs and questions, and write a release.

The same file on a laptop, one GPU or many:

    python -m apps.customer_service train --faqs faqs.jsonl --questions questions.csv
    torchrun --nproc-per-node 2 -m apps.customer_service train --faqs faqs.jsonl …
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from apps.customer_service import evaluate
from apps.customer_service.answers.building import build_answerer
from apps.customer_service.answers.rerank_training import add_reranker, check_base
from apps.customer_service.continual.beginning import Beginning, begin, check_enough, task_of
from apps.customer_service.continual.continuing import continue_from
from apps.customer_service.data import Dataset, Example
from apps.customer_service.documents.passage import Passage
from apps.customer_service.documents.release import with_documents
from apps.customer_service.generation.kept import keep_generator, with_generator
from apps.customer_service.labelling.unlabelled import facet_of
from apps.customer_service.learning.drift import save_usual
from apps.customer_service.learning.lessons import lessons_of, save_lessons
from apps.customer_service.learning.promoting import promote_if_not_worse
from apps.customer_service.promise.calibrating import calibrate
from apps.customer_service.record import manifest
from apps.customer_service.release import RERANKER, save_release
from apps.customer_service.reporting import beside_new, write_training_report
from apps.customer_service.stress.judging import decide_with
from apps.customer_service.task import AnswerModel
from apps.customer_service.teaching.teacher import teacher_of
from apps.customer_service.training.crossing import in_folds
from apps.customer_service.training.last import learn_what_calibrates
from apps.customer_service.training.usual import as_usual
from common.console import say
from common.evaluation.compare import Difference
from common.evaluation.linear import LinearPeer
from common.evaluation.stress.expectations.expectation import Expectations
from common.learning.candidates.groups import GroupGate, require_column
from common.models.encoder import Encoder
from common.records.audit import Audit
from common.records.splits import Splits
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
from common.tuning.labelling.pseudo_labels import PseudoLabels
from common.tuning.processes import is_main_process
from common.tuning.reading import audit_reading
from common.tuning.search.prepared import Prepare, Prepared
from common.tuning.settings import Settings
from common.tuning.starting import find_backbone, load_to_learn, run_name


@dataclass(frozen=True)
class Trained:
    """What a run ends with: a release, and the metrics before and after.

    `forgetting` and `further`, the metrics of old and new questions, are of one trained from
    another.
    """

    release: Release
    before: dict[str, float]
    after: dict[str, float]
    difference: Difference
    peer: LinearPeer | None
    promoted: bool
    forgetting: Sequence[Forgetting] = ()
    further: dict[str, dict[str, float]] | None = None

    def to_json(self) -> dict[str, Any]:
        """What `train --json` prints."""
        found = {"release_id": self.release.release_id, "promoted": self.promoted}
        found |= {"before": self.before, "after": self.after}
        found |= {"linear_model": self.peer.metrics} if self.peer else {}
        return found | {one.what: one.to_json() for one in self.forgetting}


def train(
    dataset: Dataset,
    settings: Settings,
    registry: Registry,
    *,
    backbone: str = "auto",
    teacher: str | None = None,
    from_release: str | None = None,
    max_forgetting: float | None = None,
    max_wrong: float = 0.05,
    folds: int = 1,
    rerank: bool = False,
    resume: bool = False,
    promote: bool | None = None,
    passages: Sequence[Passage] = (),
    expectations: Expectations | None = None,
    groups: GroupGate[Example] | None = None,
) -> Trained | None:
    """Fine-tune, calibrate, measure, write a release, and promote it if the gate lets it.

    Args:
        teacher: a release that is learned from beside the labels.
        from_release: the id of a release to train further; see `continue_from`.
        max_forgetting: how much of the share of old questions that is right it may lose;
            None: as usual.
        max_wrong: largest tolerated share of wrong answers among those given.
        folds: parts of the questions, each asked of a model that learned the others, to calibrate
            by; of 1, one part is set apart. 1 beside a teacher, an earlier release, texts without
            labels, a reranker, several seeds.
        rerank: fine-tune a reranker as well, which reads question and FAQ together.
        resume: go on with the same run where it was interrupted.
        promote: None: the gate decides; True: also where the gate sees too little; False: never.
        passages: of documents, to quote from where no FAQ answers; none: those of `from_release`.
        expectations: what the release is held to, and later ones; None: as the one that serves.
        groups: those that it may not be worse for; None: the usual ones.

    Returns:
        None in all processes of a `torchrun` but the first.

    Raises:
        UserError: too few texts to learn from, a teacher with other labels, a reranker on a base
            in few bits, or a column to group by that tells nothing of held-out questions.
        RefusedError: the release is kept, but it is worse than the one that serves, or it forgot
            too much of the one that it was trained from.
    """
    require_column(
        groups.grouping if groups else None, dataset.splits.test or dataset.splits.validation
    )
    # These know the questions of a fold, or would be learned once more for each.
    assert folds == 1 or not (teacher or from_release or rerank or settings.seeds > 1)
    settings = settings if from_release else as_usual(settings, dataset)
    dataset, *others = in_folds(dataset, settings.seed, folds)
    if folds > 1 and not others and is_main_process():
        say("--folds: one part calibrates; of the questions, that is enough, or there are too few.")
    beginning = (
        begin(dataset, settings, backbone)
        if from_release is None
        else continue_from(registry, from_release, dataset, settings, backbone)
    )
    if rerank:
        check_base(beginning.encoder)
    task, parent, source = beginning.task, beginning.parent, beginning.encoder.source
    teach = teacher_of(registry, teacher, task, settings)
    dataset, before, far = beginning.dataset, beginning.before, beginning.far
    work = (
        registry.root
        / "training"
        / _of_folds(
            run_name(dataset.hashes, settings, source, teacher, from_release), 1 + len(others)
        )
    )
    everything = dataset.learning_everything()
    dataset = replace(dataset, audit=_audit(dataset, beginning.encoder, everything.knowledge))
    held_out = dataset.splits.test or dataset.splits.validation
    tuned, pseudo = _learn(
        beginning,
        dataset.splits.validation if others else dataset.not_learned,
        settings,
        teach,
        work,
        resume,
    )
    assert isinstance(tuned.module, AnswerModel)
    answerer = build_answerer(task, tuned.module, tuned.pretrained, dataset, tuned.precision)
    if rerank:
        judged = replace(dataset, splits=replace(dataset.splits, validation=dataset.not_learned))
        answerer = add_reranker(answerer, judged, settings, work=work / RERANKER, resume=resume)
    answerer, tuned, evidence = learn_what_calibrates(
        beginning, answerer, tuned, others, settings, work, resume=resume
    )
    if not is_main_process():
        return None

    dataset = replace(everything, audit=dataset.audit)
    answerer, promise = calibrate(
        answerer, dataset.splits.validation, dataset.in_scope, far, max_wrong, evidence
    )
    answerer = with_documents(answerer, passages or beginning.passages, max_wrong)
    after = evaluate.run(answerer, held_out)
    difference = evaluate.difference(before, after)
    forgetting = parent.forgetting(before, after) if parent else []
    further = beside_new(before, after, parent.old) if parent else None
    checked = check_next(registry, expectations, decide_with(answerer))
    recorded = manifest(dataset, settings, source, tuned, before, after)
    recorded["data"]["counts"]["calibration"] = len(evidence)
    recorded |= {
        "teacher": teacher,
        "promise": promise.to_json(),
        "linear_model": (peer := evaluate.linear_peer(dataset, after)) and asdict(peer),
        "pseudo_labels": pseudo and pseudo.to_json(),
        "expectations": checked and checked.summary(),
    }
    if parent:
        recorded = with_generator(
            recorded | of_descent(parent.release, settings, forgetting), parent.release
        )

    def fill(directory: Path) -> None:
        save_release(answerer, directory)
        save_lessons(directory, lessons_of(dataset, far), answerer)
        save_usual(directory, after, dataset.splits.train, answerer.faqs)
        evidence.save(directory)
        save_expectations(checked.expectations if checked else None, directory)
        keep_generator(parent.release if parent else None, directory)
        write_training_report(
            directory / "report.html",
            tuned=tuned,
            audit=dataset.audit,
            before=before,
            after=after,
            validation=evaluate.run(answerer, dataset.splits.validation),
            difference=difference,
            peer=peer,
            promise=promise,
            has_test=bool(dataset.splits.test),
            further=further,
        )

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
    check_enough(dataset)
    source = find_backbone(backbone, dataset.languages)
    splits = Splits(dataset.splits.train, dataset.not_learned, [])

    def prepare(settings: Settings) -> Prepared:
        loaded = load_to_learn(source, settings)
        return Prepared(task_of(dataset, settings), loaded, splits)

    return prepare


def _learn(
    beginning: Beginning,
    chosen_by: list[Example],
    settings: Settings,
    teach: Teach | None,
    work: Path,
    resume: bool,
) -> tuple[Tuned[Encoder], PseudoLabels | None]:
    """What a release knows is learned further; anything else from the pretrained model."""
    dataset, encoder = beginning.dataset, beginning.encoder
    splits = Splits(beginning.learned, chosen_by, dataset.splits.test)
    if beginning.parent is not None:
        tuned = learn_further(
            beginning.task,
            encoder,
            beginning.module,
            splits,
            settings,
            beginning.terms,
            work=work,
            resume=resume,
        )
        return tuned, None
    return learn(
        beginning.task,
        encoder,
        splits,
        settings,
        teach=teach,
        unlabelled=dataset.unlabelled,
        facet=None if teach or settings.distils_ensemble else facet_of(beginning.task, dataset),
        load=partial(load_to_learn, encoder.source, settings),
        work=work,
        resume=resume,
        module=beginning.module,
    )


def _of_folds(run: str, count: int) -> str:
    """The name of a run that first learns another part of the same data."""
    return f"{run}-{count}-folds" if count > 1 else run


def _audit(dataset: Dataset, encoder: Encoder, read: Sequence[Example]) -> Audit:
    """With what the encoder cannot read of the texts."""
    return audit_reading(dataset.audit, encoder, [example.text for example in read])
