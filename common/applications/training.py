"""Fine-tune, measure before and after, write a release, and let it serve if the gate does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from common.applications.application import FIGURE, Application, Example, Model
from common.applications.data import Dataset
from common.applications.unused import unused_settings
from common.console import say
from common.errors import UserError
from common.evaluation.compare import Difference, paired_bootstrap
from common.evaluation.report import Section, learning_section, write_report
from common.files import read_json, write_json
from common.models.devices import pick_device, pick_precision
from common.models.encoder import Encoder, load_encoder
from common.releases import gate
from common.releases.promoting import promote_past
from common.releases.record import of_training
from common.releases.registry import Registry
from common.releases.release import REPORT, Release, write_release
from common.tuning.configuration import refuse_unused
from common.tuning.finetune import Tuned, finetune
from common.tuning.processes import is_main_process
from common.tuning.settings import Settings
from common.tuning.starting import find_backbone, run_name
from common.tuning.task import check_monitor

# The texts of the corrections that a release learned, for whoever purges one.
CORRECTIONS = "corrections.json"


@dataclass(frozen=True)
class Trained:
    """A release, and the share of held-out examples that is right before and after."""

    release: Release
    difference: Difference
    promoted: bool


def train(
    application: Application,
    dataset: Dataset,
    settings: Settings,
    registry: Registry,
    *,
    backbone: str = "auto",
    resume: bool = False,
    promote: bool | None = None,
) -> Trained | None:
    """Make a release of a dataset; None in all processes of a `torchrun` but the first.

    Args:
        promote: None: the gate decides; True: also where it sees too little; False: never.

    Raises:
        UserError: errors in the data, too few examples, or a setting that has no use here.
        RefusedError: the release is kept, but it is worse than the one that serves.
    """
    dataset.audit.raise_on_errors()
    refuse_unused(settings, unused_settings(application))
    splits = dataset.splits
    if not splits.validation:
        raise UserError(
            "too few examples: some are held out to choose the best epoch",
            hint="Give more; where there are labels, at least two examples of each.",
        )
    task = application.find_task()(splits, settings)
    check_monitor(task.monitors, settings.monitor)
    source = find_backbone(backbone, dataset.languages)
    encoder = load_encoder(source, dropout=settings.dropout, quantised=settings.quantised_base)
    device = pick_device(settings.device)
    nn.Module.to(encoder.network, device)
    module = task.build(encoder, pick_precision(settings.precision, device)).to(device).eval()
    held_out = splits.test or splits.validation
    model_of = application.find_model().of
    before = judge(model_of(task, module, encoder), held_out)
    name = run_name(dataset.hashes, settings, source, *dataset.review.feedback_ids)
    work = registry.root / "training" / name
    tuned = finetune(task, encoder, splits, settings, work=work, resume=resume, module=module)
    if not is_main_process():
        return None
    model = model_of(task, tuned.module, encoder)
    after = judge(model, held_out)
    found = paired_bootstrap(before, after)

    def fill(directory: Path) -> None:
        model.save(directory)
        write_json(directory / CORRECTIONS, [one.text for one in dataset.review.taken])
        _report(directory / REPORT, application.name, dataset, tuned, found)

    manifest = of_training(application.name, dataset.languages, settings, source, tuned) | {
        "data": {
            "sha256": dataset.hashes,
            "counts": {part: len(examples) for part, examples in vars(splits).items()},
        },
        "corrections": dict(dataset.review.summary()),
        "measured_on": "test" if splits.test else "validation",
        "before": {FIGURE: found.before, "examples": len(held_out)},
        "after": {FIGURE: found.after, "examples": len(held_out)},
    }
    release = write_release(registry.releases, fill, manifest)
    if promote is False:
        return Trained(release, found, promoted=False)

    def hold(serves: Release) -> None:
        load = application.find_model().load
        serving = judge(load(serves, device=settings.device), held_out)
        say(gate.check(FIGURE, paired_bootstrap(serving, after), insisted=promote is True))

    return Trained(release, found, promoted=promote_past(registry, release, hold))


def judge(model: Model, examples: Sequence[Example]) -> list[bool]:
    """Whether each is answered right.

    Raises:
        UserError: there are none.
    """
    if not examples:
        raise UserError("no examples to measure on")
    answers = model.answer([example.question for example in examples])
    return [one.is_right(answer) for one, answer in zip(examples, answers, strict=True)]


def corrections_of(release: Release) -> list[str]:
    """The texts of the corrections that a release learned."""
    found: list[str] = read_json(release.directory / CORRECTIONS)
    return found


def _report(
    path: Path, name: str, dataset: Dataset, tuned: Tuned[Encoder], found: Difference
) -> None:
    what = "test" if dataset.splits.test else "validation, which chose the model too"
    text = (
        f"Right {found.before:.1%} → {found.after:.1%} of {found.records} held-out examples "
        f"({what}; 95 % interval of the change {found.low:+.1%} to {found.high:+.1%})."
    )
    audit = [(one.severity, one.message, str(one.count)) for one in dataset.audit.findings]
    sections = [
        Section("Before and after fine-tuning", text),
        learning_section(tuned.history, tuned.monitor.name),
        Section("Audit of the data", table=[("", "finding", "count"), *audit]),
        Section("Corrections", table=[("", "rows"), *dataset.review.rows()]),
    ]
    write_report(path, f"{name}: training report", sections)
