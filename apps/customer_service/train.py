"""Fine-tune on a business's own FAQs and questions, and write a release.

The same file on a laptop, one GPU or many:

    python -m apps.customer_service train --faqs faqs.jsonl --questions questions.csv
    torchrun --nproc-per-node 2 -m apps.customer_service train --faqs faqs.jsonl …
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from torch import nn

from apps.customer_service import evaluate
from apps.customer_service.answers.building import build_answerer
from apps.customer_service.answers.rerank_training import add_reranker
from apps.customer_service.data import Dataset, Example
from apps.customer_service.evaluate import Outcome
from apps.customer_service.labelling.unlabelled import facet_of
from apps.customer_service.learning.groups import GROUPING
from apps.customer_service.learning.lessons import lessons_of, save_lessons
from apps.customer_service.promise.calibrating import calibrate
from apps.customer_service.promise.evidence import Evidence
from apps.customer_service.promise.out_of_scope import far_questions
from apps.customer_service.record import manifest
from apps.customer_service.release import RERANKER, load_release, save_release
from apps.customer_service.reporting import write_training_report
from apps.customer_service.schema import OUT_OF_SCOPE
from apps.customer_service.task import AnswerModel, CustomerServiceTask
from apps.customer_service.teaching.teacher import teacher_of
from common.console import say
from common.errors import UserError
from common.evaluation.compare import Difference
from common.evaluation.linear import LinearPeer, compare_with
from common.models.devices import pick_device, pick_precision
from common.models.encoder import Encoder, load_encoder
from common.models.sources import catalog
from common.models.sources.bundled import Source, locate
from common.records.splits import Splits
from common.releases import gate
from common.releases.registry import Registry
from common.releases.release import Release, write_release
from common.tuning.distillation.learning import learn
from common.tuning.finetune import Tuned, finetune
from common.tuning.imbalance import ClassLoss
from common.tuning.processes import is_main_process
from common.tuning.reading import audit_reading
from common.tuning.search.prepared import Prepare, Prepared
from common.tuning.settings import Settings
from common.tuning.task import check_monitor

FEWEST_EXAMPLES = 2
# How the questions that calibrated are learned. On the sample data, a further fifth learned in two
# epochs at a quarter of the rate put 2 to 3.5 points more of other questions right.
LAST_EPOCHS = 2
LAST_RATE = 0.25


@dataclass(frozen=True)
class Trained:
    """What a run ends with: a release, and the metrics before and after."""

    release: Release
    before: dict[str, float]
    after: dict[str, float]
    difference: Difference
    peer: LinearPeer | None
    promoted: bool


def train(
    dataset: Dataset,
    settings: Settings,
    registry: Registry,
    *,
    backbone: str = "auto",
    teacher: str | None = None,
    max_wrong: float = 0.05,
    rerank: bool = False,
    resume: bool = False,
    promote: bool | None = None,
) -> Trained | None:
    """Fine-tune, calibrate, measure, write a release, and promote it if the gate lets it.

    Args:
        teacher: a release that is learned from beside the labels.
        max_wrong: largest tolerated share of wrong answers among those given.
        rerank: fine-tune a reranker as well, which reads question and FAQ together.
        resume: go on with the same run where it was interrupted.
        promote: None: the gate decides; True: also where the gate sees too little; False: never.

    Returns:
        None in all processes of a `torchrun` but the first.

    Raises:
        UserError: too few texts to learn from, or a teacher with other labels.
        RefusedError: the release is kept, but it is worse than the one that serves.
    """
    _check(dataset)
    task = _task(dataset, settings)
    teach = teacher_of(registry, teacher, task, settings)
    source = locate_for(backbone, dataset)
    work = registry.root / "training" / _run_name(dataset, settings, source, teacher)
    loaded = load_encoder(source, dropout=settings.dropout)
    device = pick_device(settings.device)
    nn.Module.to(loaded.network, device)
    facet = None if teach or settings.distils_ensemble else facet_of(task, dataset)
    module = task.build(loaded, pick_precision(settings.precision, device)).to(device)
    everything = dataset.learning_everything()
    texts = [example.text for example in everything.knowledge]
    dataset = replace(dataset, audit=audit_reading(dataset.audit, loaded, texts))
    pretrained = build_answerer(task, module, loaded, everything, "fp32")
    held_out = dataset.splits.test or dataset.splits.validation
    before = evaluate.run(pretrained, held_out)
    far = far_questions(pretrained, dataset.splits.validation, texts, dataset.languages)
    splits = replace(dataset.splits, validation=dataset.not_learned)
    tuned, pseudo = learn(
        task,
        loaded,
        splits,
        settings,
        teach=teach,
        unlabelled=dataset.unlabelled,
        facet=facet,
        load=partial(load_encoder, source, dropout=settings.dropout),
        work=work,
        resume=resume,
        module=module,
    )
    assert isinstance(tuned.module, AnswerModel)
    module, loaded = tuned.module, tuned.pretrained
    answerer = build_answerer(task, module, loaded, dataset, tuned.precision)
    if rerank:
        chosen_by = replace(dataset, splits=splits)
        answerer = add_reranker(answerer, chosen_by, settings, work=work / RERANKER, resume=resume)
    evidence = Evidence.of(evaluate.run(answerer, dataset.calibration))
    if dataset.calibration:
        last = _learn_the_rest(everything, settings, loaded, module, work / "rest", resume)
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
    recorded = manifest(dataset, settings, source, tuned, before, after)
    recorded["data"]["counts"]["calibration"] = len(evidence)
    recorded |= {
        "teacher": teacher,
        "promise": promise.to_json(),
        "linear_model": peer and asdict(peer),
        "pseudo_labels": pseudo and pseudo.to_json(),
    }

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
        )

    release = write_release(registry.releases, fill, recorded)
    promoted = promote is not False and promote_if_not_worse(
        registry, release, after, held_out, insisted=promote is True
    )
    return Trained(
        release, evaluate.summarise(before), evaluate.summarise(after), difference, peer, promoted
    )


def trials(dataset: Dataset, backbone: str) -> Prepare:
    """What a search over settings fine-tunes again and again.

    Raises:
        UserError: too few texts to learn from.
    """
    _check(dataset)
    source = locate_for(backbone, dataset)
    splits = Splits(dataset.splits.train, dataset.not_learned, [])

    def prepare(settings: Settings) -> Prepared:
        loaded = load_encoder(source, dropout=settings.dropout)
        return Prepared(_task(dataset, settings), loaded, splits)

    return prepare


def _task(dataset: Dataset, settings: Settings) -> CustomerServiceTask:
    task = CustomerServiceTask(dataset.knowledge, dataset.intents, ClassLoss.of(settings))
    check_monitor(task.monitors, settings.monitor)
    return task


def _learn_the_rest(
    everything: Dataset,
    settings: Settings,
    loaded: Encoder,
    module: AnswerModel,
    work: Path,
    resume: bool,
) -> Tuned[Encoder]:
    """Go on with `module`, at a low rate, on all that may be learned: its calibration is done.

    Nothing is left to choose an epoch by, so the last one is kept.
    """
    if is_main_process():
        say("Learning the questions that calibrated, too")
    rest = settings.model_copy(
        update={
            "epochs": max(1, min(LAST_EPOCHS, settings.epochs // 3)),
            "contrastive_epochs": 0,
            "learning_rate": settings.learning_rate * LAST_RATE,
            "head_learning_rate": (settings.head_learning_rate or settings.learning_rate)
            * LAST_RATE,
            "back_translation": None,
        }
    )
    splits = Splits(everything.knowledge, [], [])
    task = _task(everything, settings)
    return finetune(task, loaded, splits, rest, work=work, resume=resume, module=module)


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


def _check(dataset: Dataset) -> None:
    dataset.audit.raise_on_errors()
    if len(dataset.splits.train) < FEWEST_EXAMPLES or not dataset.splits.validation:
        raise UserError(
            "too few texts to learn from",
            hint="Give more questions: a few of each FAQ or intent are held out for evaluation.",
        )
    if not dataset.intents and not dataset.faqs:
        raise UserError(
            "nothing to learn: there are no FAQs, and the questions have fewer than two intents",
            hint="Give --faqs FILE, or a column of intents: --map intent=COLUMN",
        )


def locate_for(backbone: str, dataset: Dataset) -> Source:
    """The backbone, chosen by the languages of the dataset where none is named."""
    chosen = catalog.for_languages(dataset.languages) if backbone == "auto" else backbone
    if is_main_process():
        say(f"Backbone: {chosen}")
    return locate(chosen)


def _run_name(dataset: Dataset, settings: Settings, source: Source, teacher: str | None) -> str:
    """With `--resume` the same data, settings, backbone and teacher are the same run."""
    parts = [sorted(dataset.hashes.values()), settings.model_dump(), str(source.directory)]
    parts += [teacher] if teacher else []
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]


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
