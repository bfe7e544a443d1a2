"""Fine-tune within a privacy budget, and write a release that holds no text of the records."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn

from apps.finance_monitor import evaluate
from apps.finance_monitor.data import Dataset, Example, Sources
from apps.finance_monitor.direction.lexicon import Lexicon
from apps.finance_monitor.evaluate import Outcome
from apps.finance_monitor.learning.promoting import promote_if_not_worse
from apps.finance_monitor.privacy.records import Records, separate
from apps.finance_monitor.record import APPLICATION
from apps.finance_monitor.release import save_release
from apps.finance_monitor.reporting import metric_rows
from apps.finance_monitor.stories.calibrating import calibrate
from apps.finance_monitor.stories.classifying import Classifier
from apps.finance_monitor.stories.network import FullPrecision
from apps.finance_monitor.stories.news_model import NewsModel
from apps.finance_monitor.task import FinanceMonitorTask
from apps.finance_monitor.train import Trained
from common.console import say
from common.errors import UserError
from common.evaluation.report import write_report
from common.learning.candidates.groups import GroupGate, require_column
from common.models.devices import pick_device
from common.models.encoder import Encoder, load_encoder
from common.models.sources import catalog
from common.models.sources.bundled import Source
from common.records.splits import Splits
from common.releases.registry import Registry
from common.releases.release import REPORT, write_release
from common.tuning.computing.reading import known_of
from common.tuning.finetune import Tuned, finetune
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
    resume: bool = False,
    promote: bool | None = None,
    groups: GroupGate[Example] | None = None,
    lexicon: Lexicon | None = None,
) -> Trained | None:
    """As `train`, but of the news of `dataset` only noisy gradients reach the release.

    What looks at records without noise is made of `public` ones or left out: where heads start,
    label names, the best epoch, temperatures, figures, words alone, the linear model, lessons.

    Args:
        sources: how the files of `dataset` were read, and `public` ones are.
        public: files of records that are no secret.
        groups: those that the release may not be worse for; None: the usual ones.
        lexicon: the words that say which way a text points; None: those that come with the
            application. They are in the release: they are no secret.

    Raises:
        UserError: a run that cannot be private, see `check_private`; no backbone is named and
            there are no public records to choose it by.
        RefusedError: the release is kept, but it is worse than the one that serves.
    """
    check_private(settings, resume=resume)
    dataset.audit.raise_on_errors()
    records = separate(dataset, public, sources)
    require_column(groups.grouping if groups else None, records.public)
    task = FinanceMonitorTask(records.start, records.topics, ClassLoss.of(settings))
    check_monitor(task.monitors, settings.monitor)
    source = _locate(backbone, records)
    loaded = load_encoder(source, dropout=settings.dropout, known=known_of(settings))
    device = pick_device(settings.device)
    nn.Module.to(loaded.network, device)
    module = task.build(loaded).to(device).eval()
    untrained = Classifier("", FullPrecision(module, loaded), records.topics)
    before = evaluate.run(untrained, records.public) if records.public else []
    tuned = finetune(
        task,
        loaded,
        Splits(records.secret, records.public, []),
        settings,
        work=registry.root / "training" / "private",
        module=module,
    )
    assert isinstance(tuned.module, NewsModel) and tuned.privacy is not None
    classifier = Classifier(
        "", FullPrecision(tuned.module, tuned.pretrained), records.topics, tickers=dataset.tickers
    )
    if records.public:
        classifier = calibrate(classifier, task, records.public, with_words=False, lexicon=lexicon)
    after = evaluate.run(classifier, records.public) if records.public else []
    columns = {"before": _summary(before), "after": _summary(after)}
    sections = privacy_sections(
        tuned.privacy, records.told, [["", *columns], *metric_rows(columns)] if after else []
    )

    def fill(directory: Path) -> None:
        save_release(classifier, directory)
        write_report(directory / REPORT, "Finance monitor: trained with privacy", sections)

    manifest = _manifest(records, settings, source, tuned) | columns
    manifest["direction"] = classifier.direction and classifier.direction.to_json()
    release = write_release(registry.releases, fill, manifest)
    say(f"Spent {tuned.privacy.text}")
    promoted = False
    if promote is not False and after:
        promoted = promote_if_not_worse(
            registry, release, after, records.public, insisted=promote is True, groups=groups
        )
    elif promote:
        registry.promote(release.release_id)
        promoted = True
    else:
        say("Not promoted: without public records nothing shows that it is good.")
    difference = evaluate.difference(before, after) if after else None
    return Trained(release, columns["before"], columns["after"], difference, None, promoted)


def _locate(backbone: str, records: Records) -> Source:
    if backbone == "auto" and not records.languages:
        raise UserError(
            "privacy_epsilon: which backbone suits is told by the texts' languages, and these are "
            "a secret",
            hint=f"Name one: --backbone {catalog.for_languages({'en'})} for English, else "
            f"--backbone {catalog.for_languages({'en', 'zh'})}; or give --public records.",
        )
    return find_backbone(backbone, set(records.languages))


def _summary(outcomes: Sequence[Outcome]) -> dict[str, float]:
    return evaluate.summarise(outcomes) if outcomes else {}


def _manifest(
    records: Records, settings: Settings, source: Source, tuned: Tuned[Encoder]
) -> dict[str, Any]:
    """What `train` records, less what tells of the records: their hashes and languages."""
    assert tuned.privacy is not None
    return {
        "application": APPLICATION,
        "base_model": source.name,
        "languages": records.languages,
        "topics": records.topics,
        "data": {"counts": {"train": len(records.secret), "public": len(records.public)}},
        "settings": settings.model_dump(),
        "privacy": tuned.privacy.to_json() | {"public": records.told},
        "measured_on": "public",
        "seconds": round(tuned.seconds, 1),
        "trained_parameters": tuned.trained_parameters,
        "precision": tuned.precision,
        "device": tuned.device,
    }
