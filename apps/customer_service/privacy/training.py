"""Fine-tune within a privacy budget, and write a release that holds no secret question."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import nn

from apps.customer_service import evaluate
from apps.customer_service.answers.building import build_answerer
from apps.customer_service.data import Dataset, Example, Sources, check_measures
from apps.customer_service.learning.promoting import promote_if_not_worse
from apps.customer_service.privacy.records import separate
from apps.customer_service.promise.calibrating import calibrate
from apps.customer_service.promise.out_of_scope import far_questions
from apps.customer_service.record import manifest
from apps.customer_service.release import save_release
from apps.customer_service.reporting import rows
from apps.customer_service.task import AnswerModel, CustomerServiceTask
from apps.customer_service.train import Trained
from common.console import say
from common.evaluation.report import write_report
from common.learning.candidates.groups import GroupGate, require_column
from common.models.devices import pick_device
from common.models.encoder import load_encoder
from common.records.splits import Splits
from common.releases.registry import Registry
from common.releases.release import REPORT, write_release
from common.tuning.computing.reading import known_of
from common.tuning.finetune import finetune
from common.tuning.imbalance import ClassLoss
from common.tuning.privacy.budget import check_private
from common.tuning.privacy.report import privacy_sections
from common.tuning.settings import Settings
from common.tuning.starting import find_backbone
from common.tuning.task import check_monitor


def train_privately(
    dataset: Dataset,
    settings: Settings,
    registry: Registry,
    *,
    sources: Sources,
    public: Sequence[Path] = (),
    backbone: str = "auto",
    max_wrong: float = 0.05,
    rerank: bool = False,
    resume: bool = False,
    promote: bool | None = None,
    groups: GroupGate[Example] | None = None,
) -> Trained | None:
    """As `train`, but of the questions of `dataset` only noisy gradients reach the release.

    What is searched are FAQ texts; where heads start, names of intents, the best epoch, the
    promise and all figures are made of public texts. FAQ texts are learned among the questions,
    as if they were secret, too.

    Args:
        sources: how the files of `dataset` were read, and `public` ones are.
        public: files of questions that are no secret.
        max_wrong: largest tolerated share of wrong answers among those given.
        rerank: must be False: a reranker learns from pairs of texts.
        groups: those that the release may not be worse for; None: the usual ones.

    Raises:
        UserError: a run that cannot be private, see `check_private` and `separate`.
        RefusedError: the release is kept, but it is worse than the one that serves.
    """
    check_private(settings, resume=resume)
    assert not rerank
    dataset.audit.raise_on_errors()
    records = separate(dataset, public, sources, seed=settings.seed)
    known = records.known
    held_out = known.splits.validation
    require_column(groups.grouping if groups else None, held_out)
    check_measures(held_out)
    task = CustomerServiceTask(known.knowledge, known.intents, ClassLoss.of(settings))
    check_monitor(task.monitors, settings.monitor)
    source = find_backbone(backbone, known.languages)
    loaded = load_encoder(source, dropout=settings.dropout, known=known_of(settings))
    device = pick_device(settings.device)
    nn.Module.to(loaded.network, device)
    module = task.build(loaded).to(device)
    pretrained = build_answerer(task, module, loaded, known, "fp32")
    before = evaluate.run(pretrained, held_out)
    texts = [example.text for example in known.knowledge]
    far = far_questions(pretrained, held_out, texts, known.languages)
    tuned = finetune(
        task,
        loaded,
        Splits([*known.splits.train, *records.secret], held_out, []),
        settings,
        work=registry.root / "training" / "private",
        module=module,
    )
    assert isinstance(tuned.module, AnswerModel) and tuned.privacy is not None
    answerer = build_answerer(task, tuned.module, tuned.pretrained, known, "fp32")
    answerer, promise = calibrate(answerer, held_out, known.in_scope, far, max_wrong)
    after = evaluate.run(answerer, held_out)
    figures = (evaluate.summarise(before), evaluate.summarise(after))
    table = [("", "before", "after"), *((row[0], row[1], row[3]) for row in rows(*figures, {}))]
    sections = privacy_sections(tuned.privacy, records.told, table)

    def fill(directory: Path) -> None:
        save_release(answerer, directory)
        write_report(directory / REPORT, "Customer service: trained with privacy", sections)

    recorded = manifest(known, settings, source, tuned, before, after)
    # Hashes of the files would tell whether somebody has guessed them.
    recorded["data"] = {
        "counts": {
            "faqs": len(known.faqs),
            "train": len(records.secret),
            "public": records.questions,
        }
    }
    recorded |= {
        "measured_on": "public",
        "privacy": tuned.privacy.to_json() | {"public": records.told},
        "promise": promise.to_json(),
    }
    release = write_release(registry.releases, fill, recorded)
    say(f"Spent {tuned.privacy.text}")
    promoted = promote is not False and promote_if_not_worse(
        registry, release, after, held_out, insisted=promote is True, groups=groups
    )
    difference = evaluate.difference(before, after)
    return Trained(release, *figures, difference, None, promoted)
