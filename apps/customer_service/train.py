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
from apps.customer_service.answers.rerank_training import add_reranker
from apps.customer_service.continual.beginning import Beginning, begin, check_enough, task_of
from apps.customer_service.continual.continuing import continue_from
from apps.customer_service.data import Dataset, Example
from apps.customer_service.evaluate import Outcome
from apps.customer_service.labelling.unlabelled import facet_of
from apps.customer_service.learning.groups import GROUPING
from apps.customer_service.learning.lessons import lessons_of, save_lessons
from apps.customer_service.promise.calibrating import calibrate
from apps.customer_service.promise.evidence import Evidence
from apps.customer_service.promise.last import learn_the_rest
from apps.customer_service.record import manifest
from apps.customer_service.release import RERANKER, load_release, save_release
from apps.customer_service.reporting import beside_new, write_training_report
from apps.customer_service.schema import OUT_OF_SCOPE
from apps.customer_service.task import AnswerModel
from apps.customer_service.teaching.teacher import teacher_of
from common.console import say
from common.evaluation.compare import Difference
from common.evaluation.linear import LinearPeer, compare_with
from common.models.encoder import Encoder, load_encoder
from common.records.splits import Splits
from common.releases import gate
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
from common.tuning.starting import find_backbone, run_name


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
    rerank: bool = False,
    resume: bool = False,
    promote: bool | None = None,
) -> Trained | None:
    """Fine-tune, calibrate, measure, write a release, and promote it if the gate lets it.

    Args:
        teacher: a release that is learned from beside the labels.
        from_release: the id of a release to train further; see `continue_from`.
        max_forgetting: how much of the share of old questions that is right it may lose;
            None: as usual.
        max_wrong: largest tolerated share of wrong answers among those given.
        rerank: fine-tune a reranker as well, which reads question and FAQ together.
        resume: go on with the same run where it was interrupted.
        promote: None: the gate decides; True: also where the gate sees too little; False: never.

    Returns:
        None in all processes of a `torchrun` but the first.

    Raises:
        UserError: too few texts to learn from, or a teacher with other labels.
        RefusedError: the release is kept, but it is worse than the one that serves, or it forgot
            too much of the one that it was trained from.
    """
    beginning = (
        begin(dataset, settings, backbone)
        if from_release is None
        else continue_from(registry, from_release, dataset, settings, backbone)
    )
    task, parent, source = beginning.task, beginning.parent, beginning.encoder.source
    teach = teacher_of(registry, teacher, task, settings)
    dataset = beginning.dataset
    name = run_name(dataset.hashes, settings, source, teacher, from_release)
    work = registry.root / "training" / name
    everything = dataset.learning_everything()
    texts = [example.text for example in everything.knowledge]
    dataset = replace(dataset, audit=audit_reading(dataset.audit, beginning.encoder, texts))
    held_out = dataset.splits.test or dataset.splits.validation
    before, far = beginning.before, beginning.far
    tuned, pseudo = _learn(beginning, settings, teach, work, resume)
    assert isinstance(tuned.module, AnswerModel)
    module, loaded = tuned.module, tuned.pretrained
    answerer = build_answerer(task, module, loaded, dataset, tuned.precision)
    if rerank:
        splits = replace(dataset.splits, validation=dataset.not_learned)
        chosen_by = replace(dataset, splits=splits)
        answerer = add_reranker(answerer, chosen_by, settings, work=work / RERANKER, resume=resume)
    evidence = Evidence.of(evaluate.run(answerer, dataset.calibration))
    if dataset.calibration:
        if not beginning.is_frozen(settings):
            last = learn_the_rest(
                task_of(everything, settings),
                [*beginning.learned, *dataset.calibration],
                settings,
                loaded,
                module,
                work / "rest",
                resume=resume,
                terms=beginning.terms,
            )
            tuned = replace(tuned, seconds=tuned.seconds + last.seconds)
        found = build_answerer(task, module, loaded, everything, tuned.precision)
        answerer = replace(answerer, index=found.index, texts=found.texts)
    if not is_main_process():
        return None

    dataset = replace(everything, audit=dataset.audit)
    answerer, promise = calibrate(
        answerer, dataset.splits.validation, dataset.in_scope, far, max_wrong, evidence
    )
    after = evaluate.run(answerer, held_out)
    difference = evaluate.difference(before, after)
    peer = _linear_peer(dataset, after)
    forgetting = parent.forgetting(before, after) if parent else []
    further = beside_new(before, after, parent.old) if parent else None
    recorded = manifest(dataset, settings, source, tuned, before, after)
    recorded["data"]["counts"]["calibration"] = len(evidence)
    recorded |= {
        "teacher": teacher,
        "promise": promise.to_json(),
        "linear_model": peer and asdict(peer),
        "pseudo_labels": pseudo and pseudo.to_json(),
    }
    if parent:
        recorded |= of_descent(parent.release, settings, forgetting)

    def fill(directory: Path) -> None:
        save_release(answerer, directory)
        save_lessons(directory, lessons_of(dataset, far), answerer)
        evidence.save(directory)
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
        registry, release, after, held_out, insisted=promote is True
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
        loaded = load_encoder(source, dropout=settings.dropout)
        return Prepared(task_of(dataset, settings), loaded, splits)

    return prepare


def _learn(
    beginning: Beginning, settings: Settings, teach: Teach | None, work: Path, resume: bool
) -> tuple[Tuned[Encoder], PseudoLabels | None]:
    """What a release knows is learned further; anything else from the pretrained model."""
    dataset, encoder = beginning.dataset, beginning.encoder
    splits = Splits(beginning.learned, dataset.not_learned, dataset.splits.test)
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
        load=partial(load_encoder, encoder.source, dropout=settings.dropout),
        work=work,
        resume=resume,
        module=beginning.module,
    )


def _linear_peer(dataset: Dataset, after: Sequence[Outcome]) -> LinearPeer | None:
    """The same questions put to a linear model: the FAQ where one answers, else the intent."""
    asked = [o for o in after if o.in_scope and _label(o.example)]
    labelled = [(e.text, _label(e)) for e in dataset.knowledge if e.intent != OUT_OF_SCOPE]
    return compare_with(
        [(text, label) for text, label in labelled if label],
        [(o.example.text, str(_label(o.example))) for o in asked],
        [o.is_right for o in asked],
        "right_first" if dataset.faqs else "intent_accuracy",
    )


def _label(example: Example) -> str | None:
    return example.faq_id or example.intent


def promote_if_not_worse(
    registry: Registry,
    release: Release,
    after: Sequence[Outcome],
    held_out: Sequence[Example],
    *,
    insisted: bool,
) -> bool:
    """Let the release serve; one that serves already is asked the same held-out questions."""
    serving_id = registry.current_id()
    if serving_id is not None:
        say("Measuring the serving release on the same questions")
        serving = evaluate.run(load_release(registry.open(serving_id)), held_out)
        say(gate.check("right", evaluate.difference(serving, after), insisted=insisted))
        gate.check_groups(
            [o.is_right for o in serving],
            [o.is_right for o in after],
            GROUPING.assign(held_out, GROUPING.usual),
        )
    registry.promote(release.release_id)
    return True
