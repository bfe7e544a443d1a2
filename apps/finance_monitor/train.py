"""Fine-tune on labelled news, and write a release.

The same file on a laptop, one GPU or many:

    python -m apps.finance_monitor train --news news.csv --map text=title --map sentiment=label
    torchrun --nproc-per-node 2 -m apps.finance_monitor train --news news.csv …
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from torch import nn

from apps.finance_monitor import evaluate
from apps.finance_monitor.data import Dataset, Example
from apps.finance_monitor.evaluate import Outcome
from apps.finance_monitor.labelling.unlabelled import facet_of
from apps.finance_monitor.learning.groups import GROUPING
from apps.finance_monitor.learning.lessons import lessons_of, save_lessons
from apps.finance_monitor.release import load_release, save_release
from apps.finance_monitor.reporting import write_training_report
from apps.finance_monitor.stories.calibrating import calibrate
from apps.finance_monitor.stories.classifying import Classifier
from apps.finance_monitor.task import FinanceMonitorTask, NewsModel
from apps.finance_monitor.teaching.teacher import teacher_of
from common.console import say
from common.errors import UserError
from common.evaluation.compare import Difference, paired_bootstrap
from common.evaluation.linear import LinearPeer, compare_with
from common.models.devices import pick_device, pick_precision
from common.models.encoder import Encoder, load_encoder
from common.models.sources import catalog
from common.models.sources.bundled import Source, locate
from common.releases import gate
from common.releases.registry import Registry
from common.releases.release import Release, write_release
from common.tuning.distillation.learning import learn
from common.tuning.finetune import Tuned
from common.tuning.imbalance import ClassLoss
from common.tuning.processes import is_main_process
from common.tuning.reading import audit_reading
from common.tuning.search.prepared import Prepare, Prepared
from common.tuning.settings import Settings
from common.tuning.task import check_monitor

APPLICATION = "finance_monitor"


@dataclass(frozen=True)
class Trained:
    """What a run ends with: a release, and the metrics before and after."""

    release: Release
    before: dict[str, float]
    after: dict[str, float]
    difference: Difference | None
    peer: LinearPeer | None
    promoted: bool


def train(
    dataset: Dataset,
    settings: Settings,
    registry: Registry,
    *,
    backbone: str = "auto",
    teacher: str | None = None,
    resume: bool = False,
    promote: bool | None = None,
) -> Trained | None:
    """Fine-tune, calibrate, measure, write a release, and promote it if the gate lets it.

    Args:
        teacher: a release that is learned from beside the labels.
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
    check_monitor(task.monitors, settings.monitor)
    teach = teacher_of(registry, teacher, task, settings)
    source = _locate(backbone, dataset)
    facet = None if teach or settings.distils_ensemble else facet_of(task, dataset)
    work = registry.root / "training" / _run_name(dataset, settings, source, teacher)
    loaded = load_encoder(source, dropout=settings.dropout)
    device = pick_device(settings.device)
    nn.Module.to(loaded.network, device)
    module = task.build(loaded, pick_precision(settings.precision, device)).to(device).eval()
    texts = [example.text for example in dataset.splits.train]
    dataset = replace(dataset, audit=audit_reading(dataset.audit, loaded, texts))
    held_out = dataset.splits.test or dataset.splits.validation
    before = evaluate.run(Classifier("", loaded, module, dataset.topics), held_out)
    tuned, pseudo = learn(
        task,
        loaded,
        dataset.splits,
        settings,
        teach=teach,
        unlabelled=dataset.unlabelled,
        facet=facet,
        load=partial(load_encoder, source, dropout=settings.dropout),
        work=work,
        resume=resume,
        module=module,
    )
    if not is_main_process():
        return None

    assert isinstance(tuned.module, NewsModel)
    classifier = calibrate(
        Classifier("", tuned.pretrained, tuned.module, dataset.topics, tickers=dataset.tickers),
        task,
        dataset.splits.validation,
    )
    after = evaluate.run(classifier, held_out)
    difference = difference_of(before, after)
    peer = _linear_peer(dataset.splits.train, after)
    lessons = lessons_of(dataset, classifier)

    def fill(directory: Path) -> None:
        save_release(classifier, directory)
        save_lessons(directory, lessons)
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
        )

    manifest = _manifest(dataset, settings, source, tuned, before, after)
    manifest["teacher"] = teacher
    manifest["linear_model"] = peer and asdict(peer)
    manifest["pseudo_labels"] = pseudo and pseudo.to_json()
    release = write_release(registry.releases, fill, manifest)
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
    source = _locate(backbone, dataset)

    def prepare(settings: Settings) -> Prepared:
        loaded = load_encoder(source, dropout=settings.dropout)
        return Prepared(_task(dataset, settings), loaded, dataset.splits)

    return prepare


def _task(dataset: Dataset, settings: Settings) -> FinanceMonitorTask:
    return FinanceMonitorTask(dataset.splits.train, dataset.topics, ClassLoss.of(settings))


def _linear_peer(training: Sequence[Example], after: Sequence[Outcome]) -> LinearPeer | None:
    """The same texts put to a linear model: for what most of the held-out ones are labelled."""
    kinds = Counter(_kind(outcome.example) for outcome in after)
    kind = kinds.most_common(1)[0][0]
    asked = [outcome for outcome in after if _kind(outcome.example) == kind]
    return compare_with(
        [(e.text, _label(e)) for e in training if _kind(e) == kind],
        [(o.example.text, _label(o.example)) for o in asked],
        [o.is_right for o in asked],
        {"sentiment": "sentiment_accuracy", "target": "target_accuracy"}.get(kind, "topics right"),
    )


def _kind(example: Example) -> str:
    return "target" if example.target else "sentiment" if example.sentiment else "topics"


def _label(example: Example) -> str:
    return example.target or example.sentiment or "|".join(sorted(example.topics or ()))


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


def _locate(backbone: str, dataset: Dataset) -> Source:
    chosen = catalog.for_languages(dataset.languages) if backbone == "auto" else backbone
    if is_main_process():
        say(f"Backbone: {chosen}")
    return locate(chosen)


def _run_name(dataset: Dataset, settings: Settings, source: Source, teacher: str | None) -> str:
    """With `--resume` the same data, settings, backbone and teacher are the same run."""
    parts = [sorted(dataset.hashes.values()), settings.model_dump(), str(source.directory)]
    parts += [teacher] if teacher else []
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]


def difference_of(before: Sequence[Outcome], after: Sequence[Outcome]) -> Difference:
    """How many more are right after fine-tuning, with its interval."""
    return paired_bootstrap([o.is_right for o in before], [o.is_right for o in after])


def promote_if_not_worse(
    registry: Registry,
    release: Release,
    after: Sequence[Outcome],
    held_out: Sequence[Example],
    *,
    insisted: bool,
) -> bool:
    """Let the release serve; one that serves already reads the same held-out texts."""
    serving_id = registry.current_id()
    if serving_id is not None:
        say("Measuring the serving release on the same texts")
        serving = evaluate.run(load_release(registry.open(serving_id)), held_out)
        say(gate.check("right", difference_of(serving, after), insisted=insisted))
        gate.check_groups(
            [o.is_right for o in serving],
            [o.is_right for o in after],
            GROUPING.assign(held_out, GROUPING.usual),
        )
    registry.promote(release.release_id)
    return True


def _manifest(
    dataset: Dataset,
    settings: Settings,
    source: Source,
    tuned: Tuned[Encoder],
    before: Sequence[Outcome],
    after: Sequence[Outcome],
) -> dict[str, Any]:
    splits = dataset.splits
    return {
        "application": APPLICATION,
        "base_model": source.name,
        "languages": sorted(dataset.languages),
        "topics": dataset.topics,
        "data": {
            "sha256": dataset.hashes,
            "counts": {
                "train": len(splits.train),
                "validation": len(splits.validation),
                "test": len(splits.test),
            },
        },
        "settings": settings.model_dump(),
        "measured_on": "test" if splits.test else "validation",
        "before": evaluate.summarise(before),
        "after": evaluate.summarise(after),
        "seconds": round(tuned.seconds, 1),
        "trained_parameters": tuned.trained_parameters,
        "precision": tuned.precision,
        "device": tuned.device,
    }
