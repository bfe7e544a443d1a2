"""Fine-tune on what users did, and write a release.

The same file on a laptop, one GPU or many:

    python -m apps.recommender train --interactions i.csv --items items.csv
    torchrun --nproc-per-node 2 -m apps.recommender train --interactions i.csv --items items.csv
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

from torch import nn

from apps.recommender.baselines.blend import blendable
from apps.recommender.baselines.tuning import affordable, families, tune_baselines
from apps.recommender.catalogue.items import Catalogue
from apps.recommender.comparison.comparison import (
    Comparison,
    TextScorer,
    ask,
    compare_methods,
    serving_pipeline,
)
from apps.recommender.data import Dataset
from apps.recommender.evaluate import compare, evaluate_lists
from apps.recommender.interactions.timeline import Timeline, Window
from apps.recommender.learning.groups import GROUPING, AskedUser, asked_users
from apps.recommender.pipeline import first_stage
from apps.recommender.pipeline.choices import Choices
from apps.recommender.pipeline.first_stage import fit_towers
from apps.recommender.pipeline.judging import Judgement, check_simple
from apps.recommender.pipeline.pipeline import Pipeline
from apps.recommender.pipeline.second_stage import fit_second_stage
from apps.recommender.record import manifest
from apps.recommender.release import (
    ENCODER,
    load_release,
    save_release,
)
from apps.recommender.reporting import write_training_report
from apps.recommender.retrieval.towers import TowerSizes
from apps.recommender.stress.judging import decide_with
from apps.recommender.task import item_vectors
from common.console import say
from common.evaluation.compare import paired_bootstrap
from common.evaluation.stress.expectations.checking import Checked
from common.evaluation.stress.expectations.expectation import Expectations
from common.learning.candidates.groups import GroupGate
from common.models.devices import pick_device
from common.models.encoder import load_encoder
from common.models.image_encoder import ImageModel
from common.models.sentence_modules import directory_id
from common.releases import gate
from common.releases.expectations import check_next, hold_to, save_expectations
from common.releases.promoting import promote_past
from common.releases.registry import Registry
from common.releases.release import Release, write_release
from common.storage.vectors import VectorCache, keep
from common.tuning.reading import audit_reading
from common.tuning.search.prepared import Prepare
from common.tuning.settings import Settings
from common.tuning.starting import find_backbone

GATE = "ndcg@10"


@dataclass(frozen=True)
class Trained:
    """What a run ends with."""

    release: Release
    comparison: Comparison
    judgement: Judgement
    promoted: bool


def train(
    dataset: Dataset,
    timeline: Timeline,
    settings: Settings,
    registry: Registry,
    *,
    backbone: str = "auto",
    sizes: TowerSizes | None = None,
    choices: Choices | None = None,
    max_ndcg_loss: float = 0.01,
    cold_places: int | None = None,
    margin_ndcg_loss: float | None = None,
    resume: bool = False,
    promote: bool | None = None,
    expectations: Expectations | None = None,
    images: ImageModel | None = None,
    groups: GroupGate[AskedUser] | None = None,
) -> Trained | None:
    """Fit towers, second stage, probabilities and diversity, each on later events; then measure.

    Args:
        max_ndcg_loss: what diversity may cost on the calibration window, and what lifting cold
            items may.
        cold_places: of the first ten, so many are kept for items that nobody has met; None: they
            are lifted as far as that costs at most `max_ndcg_loss`.
        margin_ndcg_loss: what putting profitable items higher may cost; None: margins count for
            nothing.
        resume: go on with the same run where it was interrupted.
        promote: None: the gate decides; True: also where the gate sees too little; False: never.
        expectations: what the release is held to, and later ones; None: as the one that serves.
        images: reads the items' pictures, which the release goes by if they rank better.
        groups: of users, that the release may not be worse for; None: the usual ones.

    Returns:
        None in all processes of a `torchrun` but the first.

    Raises:
        UserError: too few texts to learn from.
        RefusedError: the release is kept, but it is worse than the one that serves.
    """
    dataset.audit.raise_on_errors()
    sizes, choices = sizes or TowerSizes(), choices or Choices()
    source = find_backbone(backbone, dataset.catalogue.spoken)
    loaded = load_encoder(source, dropout=settings.dropout)
    device = pick_device(settings.device)
    nn.Module.to(loaded.network, device)
    audit = audit_reading(dataset.audit, loaded, dataset.catalogue.texts)
    dataset = replace(dataset, audit=audit)
    first = fit_towers(
        loaded, dataset, timeline, settings, sizes, registry.root, images=images, resume=resume
    )
    if first is None:
        return None

    towers, items = first.towers, first.items
    images = images if first.images is not None else None
    tried = timeline.calibration
    baselines = tune_baselines(
        affordable(families(first.pretrained.numpy()), len(dataset.catalogue)),
        tried.known,
        dataset.catalogue,
        tried.queries,
    )
    stage = fit_second_stage(
        towers,
        dataset,
        items,
        timeline,
        choices,
        blendable(baselines),
        max_ndcg_loss=max_ndcg_loss,
        cold_places=cold_places,
        margin_ndcg_loss=margin_ndcg_loss,
        seed=settings.seed,
    )
    untrained = item_vectors(first.untrained, first.pretrained).numpy()
    pipeline = stage.pipeline(towers, dataset, items, timeline.test)
    comparison = compare_methods(
        pipeline,
        timeline.test,
        baselines,
        untrained=TextScorer(first.untrained, untrained),
        impressions=dataset.impressions,
    )

    def build(catalogue: Catalogue) -> Pipeline:
        return stage.pipeline(towers, dataset, first.read(catalogue), timeline.test)

    decide = decide_with(pipeline, dataset.behaviors, build)
    checked = check_next(registry, expectations, decide)

    def fill(directory: Path) -> None:
        save_release(directory, first.tuned.pretrained, towers, stage, images)
        save_expectations(checked.expectations if checked else None, directory)
        write_training_report(
            directory / "report.html",
            tuned=first.tuned,
            monitor=first.tuned.monitor.name,
            audit=dataset.audit,
            comparison=comparison,
            stage=stage,
            stayed=first.stayed,
        )

    recorded = manifest(
        dataset, timeline, settings, source, first.tuned, stage, comparison, max_ndcg_loss
    ) | {
        "cold": stage.cold_to_json(cold_places),
        "margins": stage.margins and stage.margins.to_json(),
        "expectations": checked and checked.summary(),
        "images": images and asdict(images),
    }
    release = write_release(registry.releases, fill, recorded)
    # The release reads texts as its encoder just did: they need not be read once more.
    cache = VectorCache(registry.root / "vectors" / directory_id(release.directory / ENCODER))
    keep(dataset.catalogue.texts, first.vectors.numpy(), cache)
    promoted = promote is not False and _promote(
        registry,
        release,
        comparison,
        dataset,
        timeline.test,
        simple=stage.judgement.method,
        insisted=promote is True,
        checked=checked,
        groups=groups or GroupGate.usual(GROUPING),
    )
    return Trained(release, comparison, stage.judgement, promoted)


def trials(
    dataset: Dataset, timeline: Timeline, backbone: str, sizes: TowerSizes, root: Path
) -> Prepare:
    """What a search over settings fine-tunes again and again: the towers.

    Args:
        root: the application's directory: vectors are kept there.
    """
    dataset.audit.raise_on_errors()
    return first_stage.trials(
        find_backbone(backbone, dataset.catalogue.spoken), dataset, timeline, sizes, root
    )


def _promote(
    registry: Registry,
    release: Release,
    comparison: Comparison,
    dataset: Dataset,
    window: Window,
    *,
    simple: str,
    insisted: bool,
    checked: Checked | None,
    groups: GroupGate[AskedUser],
) -> bool:
    """Let the release serve; one that serves already ranks for the same users.

    Args:
        simple: the method that was best before the test.
        checked: what the release made of its expectations, if there are any.
        groups: those that it may not be worse for.

    Raises:
        RefusedError: the release is worse than that, or than the one that serves, as a whole or
            for one group, or it fails more expectations.
    """
    if not insisted:
        check_simple(compare(comparison.model, comparison.others, GATE)[simple], simple)

    def hold(serves: Release) -> None:
        say("Measuring the serving release on the same users")
        serving = load_release(serves)

        def build(catalogue: Catalogue) -> Pipeline:
            data = replace(dataset, catalogue=catalogue)
            return serving_pipeline(serving, data, window, registry.root / "vectors")

        served = build(dataset.catalogue)
        lists = ask(served, window).lists
        old = evaluate_lists(serves.release_id, lists, window.queries).metrics[GATE]
        new = comparison.model.metrics[GATE]
        say(gate.check(GATE, paired_bootstrap(old, new), insisted=insisted))
        of_users = groups.assign(asked_users(dataset, window.queries))
        gate.check_groups(old.tolist(), new.tolist(), of_users, groups.max_loss, groups.allow)
        if checked:
            hold_to(checked, decide_with(served, dataset.behaviors, build))

    return promote_past(registry, release, hold)
