"""Fine-tune on what users did, and write a release.

The same file on a laptop, one GPU or many:

    python -m apps.recommender train --interactions i.csv --items items.csv
    torchrun --nproc-per-node 2 -m apps.recommender train --interactions i.csv --items items.csv
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from apps.recommender.catalogue.vectors import VectorCache, encode, keep
from apps.recommender.comparison.comparison import (
    Comparison,
    TextScorer,
    affordable,
    ask,
    compare_methods,
)
from apps.recommender.comparison.tuned_baselines import families, tune_baselines
from apps.recommender.data import Dataset
from apps.recommender.evaluate import evaluate_lists
from apps.recommender.interactions.events import histories
from apps.recommender.interactions.sequences import sequences, shown_after
from apps.recommender.interactions.timeline import Timeline, Window
from apps.recommender.pipeline.pipeline import Choices
from apps.recommender.pipeline.second_stage import (
    fit_second_stage,
    prepare_window,
    window_pipeline,
)
from apps.recommender.record import manifest
from apps.recommender.release import (
    directory_id,
    item_vectors_of,
    load_release,
    save_release,
    towers_of,
)
from apps.recommender.reporting import write_training_report
from apps.recommender.retrieval.towers import TowerModel, TowerSizes
from apps.recommender.task import Query, RecommenderTask, item_vectors, text_vectors
from common.console import say
from common.evaluation.compare import paired_bootstrap
from common.models.devices import pick_device
from common.models.encoder import Encoder, load_encoder
from common.models.prediction import predict
from common.models.sources import catalog
from common.models.sources.bundled import Source, locate
from common.records.splits import Splits
from common.records.text import language_of
from common.releases import gate
from common.releases.registry import Registry
from common.releases.release import Release, write_release
from common.tuning.finetune import finetune
from common.tuning.processes import is_main_process
from common.tuning.reading import audit_reading
from common.tuning.settings import Settings

# The strategy under which the encoder does not learn: texts are then read once.
FROZEN = "head"
GATE = "ndcg@10"


@dataclass(frozen=True)
class Trained:
    """What a run ends with."""

    release: Release
    comparison: Comparison
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
    resume: bool = False,
    promote: bool | None = None,
) -> Trained | None:
    """Fit towers, second stage, probabilities and diversity, each on later events; then measure.

    Args:
        max_ndcg_loss: what diversity may cost on the calibration window.
        resume: go on with the same run where it was interrupted.
        promote: None: the gate decides; True: also where the gate sees too little; False: never.

    Returns:
        None in all processes of a `torchrun` but the first.

    Raises:
        UserError: too few texts to learn from.
        RefusedError: the release is kept, but it is worse than the one that serves.
    """
    dataset.audit.raise_on_errors()
    sizes, choices = sizes or TowerSizes(), choices or Choices()
    source = _locate(backbone, dataset)
    loaded = load_encoder(source, dropout=settings.dropout)
    device = pick_device(settings.device)
    nn.Module.to(loaded.network, device)
    audit = audit_reading(dataset.audit, loaded, dataset.catalogue.texts)
    dataset = replace(dataset, audit=audit)
    caches = registry.root / "vectors"
    pretrained = _read_texts(dataset, loaded, caches)
    task = _task(dataset, timeline, settings, pretrained, sizes)
    # The towers' first weights are drawn here, before the core sets the seed for training.
    torch.manual_seed(settings.seed)
    module = task.build(loaded)
    untrained = TextScorer(_towers(module), item_vectors(module, pretrained).numpy())
    work = registry.root / "training" / _run_name(dataset, timeline, settings, source, sizes)
    splits = _splits(dataset, timeline, sizes.history)
    tuned = finetune(task, loaded, splits, settings, work=work, resume=resume, module=module)
    if not is_main_process():
        return None

    assert isinstance(tuned.module, TowerModel)
    towers = _towers(tuned.module)
    vectors = pretrained if task.frozen else _read_again(tuned.pretrained, dataset)
    items = item_vectors(towers, vectors).numpy()
    stage = fit_second_stage(
        towers, dataset, items, timeline, choices, max_ndcg_loss=max_ndcg_loss, seed=settings.seed
    )
    tried = timeline.calibration
    baselines = tune_baselines(
        affordable(families(pretrained.numpy()), dataset),
        tried.known,
        dataset.catalogue,
        tried.queries,
    )
    pipeline = window_pipeline(
        towers,
        dataset,
        items,
        timeline.test,
        stage.choices,
        ranker=stage.ranker,
        probabilities=stage.probabilities,
    )
    comparison = compare_methods(
        pipeline,
        timeline.test,
        baselines,
        untrained=untrained,
        impressions=dataset.impressions,
    )

    def fill(directory: Path) -> None:
        save_release(directory, tuned.pretrained, towers, stage)
        write_training_report(
            directory / "report.html",
            tuned=tuned,
            monitor=tuned.monitor.name,
            audit=dataset.audit,
            comparison=comparison,
            stage=stage,
        )

    recorded = manifest(dataset, timeline, settings, source, tuned, stage, comparison)
    release = write_release(registry.releases, fill, recorded)
    # The release reads texts as its encoder just did: they need not be read once more.
    cache = VectorCache(caches / directory_id(release.directory / "model"))
    keep(dataset.catalogue.texts, vectors.numpy(), cache)
    promoted = promote is not False and _promote(
        registry, release, comparison, dataset, timeline.test, insisted=promote is True
    )
    return Trained(release, comparison, promoted)


def _locate(backbone: str, dataset: Dataset) -> Source:
    languages = {language_of(text) for text in dataset.catalogue.texts}
    chosen = catalog.for_languages(languages) if backbone == "auto" else backbone
    if is_main_process():
        say(f"Backbone: {chosen}")
    return locate(chosen)


def _read_texts(dataset: Dataset, loaded: Encoder, caches: Path) -> Tensor:
    """[items, width], all texts as the pretrained encoder reads them."""
    cache = VectorCache(caches / directory_id(loaded.source.directory))
    texts = dataset.catalogue.texts
    found = encode(lambda: (text_vectors(loaded), loaded), texts, cache, width=loaded.dimension)
    return torch.from_numpy(found)


def _read_again(backbone: Encoder, dataset: Dataset) -> Tensor:
    """[items, width], all texts as the fine-tuned encoder reads them, in full precision."""
    found = predict(
        text_vectors(backbone), backbone, dataset.catalogue.texts, what="Encoding items"
    )
    return found["embedding"]


def _task(
    dataset: Dataset,
    timeline: Timeline,
    settings: Settings,
    pretrained: Tensor,
    sizes: TowerSizes,
) -> RecommenderTask:
    items = len(dataset.catalogue)
    counts = np.bincount(timeline.towers.item, minlength=items)
    return RecommenderTask(
        dataset.catalogue,
        pretrained,
        frozen=settings.strategy == FROZEN,
        popularity=counts / counts.sum(),
        sizes=sizes,
    )


def _splits(dataset: Dataset, timeline: Timeline, length: int) -> Splits[Any]:
    """Sequences and impressions of the towers' time; the window after it to choose an epoch by."""
    known = timeline.towers
    records: list[Any] = list(sequences(known, length))
    if dataset.impressions is not None:
        records += shown_after(known, dataset.impressions, length)
    window = timeline.ranker
    past = histories(window.known, window.queries.users, window.queries.as_of, length)
    queries = [
        Query(past.row(row), relevant) for row, relevant in enumerate(window.queries.relevant)
    ]
    return Splits(records, queries, [])


def _towers(module: TowerModel) -> TowerModel:
    """A copy without the encoder, on the CPU."""
    weights = {
        name: tensor.detach().cpu().clone()
        for name, tensor in module.state_dict().items()
        if not name.startswith("pooled.")
    }
    return towers_of(weights, module.users.sizes)


def _run_name(
    dataset: Dataset, timeline: Timeline, settings: Settings, source: Source, sizes: TowerSizes
) -> str:
    """The same data, settings and backbone are the same run, which `--resume` goes on with."""
    parts = [
        sorted(dataset.hashes.values()),
        settings.model_dump(),
        str(source.directory),
        asdict(sizes),
        len(timeline.towers),
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]


def _promote(
    registry: Registry,
    release: Release,
    comparison: Comparison,
    dataset: Dataset,
    window: Window,
    *,
    insisted: bool,
) -> bool:
    """Let the release serve; one that serves already ranks for the same users."""
    serving_id = registry.current_id()
    if serving_id is not None:
        say("Measuring the serving release on the same users")
        serving = load_release(registry.open(serving_id))
        texts = dataset.catalogue.texts
        items = item_vectors_of(serving, texts, registry.root / "vectors")
        prepared = prepare_window(dataset, items, window)
        lists = ask(serving.pipeline(prepared, counted=window.past), window).lists
        old = evaluate_lists(serving_id, lists, window.queries).metrics[GATE]
        difference = paired_bootstrap(old, comparison.model.metrics[GATE])
        say(gate.check(GATE, difference, insisted=insisted))
    registry.promote(release.release_id)
    return True
