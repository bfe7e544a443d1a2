"""The towers, fine-tuned on what users did next; what comes after them learns from later events."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from apps.recommender.catalogue.images import image_vectors
from apps.recommender.catalogue.items import Catalogue
from apps.recommender.data import Dataset
from apps.recommender.interactions.events import histories
from apps.recommender.interactions.sequences import sequences, shown_after
from apps.recommender.interactions.timeline import Timeline, Window
from apps.recommender.pipeline.beginning import begin_together, begin_with_images
from apps.recommender.retrieval.towers import TowerModel, TowerSizes, beside, towers_of
from apps.recommender.task import Query, RecommenderTask, item_vectors, text_vectors
from common.console import say
from common.errors import UserError
from common.models.devices import pick_device
from common.models.encoder import Encoder, load_encoder
from common.models.image_encoder import ImageModel
from common.models.prediction import encode, predict
from common.models.sentence_modules import directory_id
from common.models.sources.bundled import Source
from common.records.splits import Splits
from common.storage.vectors import VectorCache
from common.tuning.finetune import Tuned, finetune
from common.tuning.processes import is_main_process
from common.tuning.search.prepared import Prepare, Prepared
from common.tuning.settings import Settings
from common.tuning.task import check_monitor

# The strategy under which the encoder does not learn: texts are then read once.
FROZEN = "head"


@dataclass(frozen=True)
class FirstStage:
    """Towers, without their encoder and on the CPU, and what they make of the items.

    Attributes:
        pretrained, vectors: [items, width], all texts as the encoder read them before and reads
            them now.
        items: [items, width], of length 1.
        untrained: the towers before.
        images: [items, image width] vectors of pictures; None: the towers go by texts alone.
        stayed: for a person, that all is as it began, if what was learned ranks no better.
    """

    tuned: Tuned[Encoder]
    towers: TowerModel
    pretrained: Tensor
    vectors: Tensor
    items: NDArray[np.float32]
    untrained: TowerModel
    images: Tensor | None
    stayed: str = ""

    def read(self, catalogue: Catalogue) -> NDArray[np.float32]:
        """[items, width] of length 1, the same items with other texts, as the encoder now reads."""
        read = beside(_read_again(self.tuned.pretrained, catalogue), self.images)
        return item_vectors(self.towers, read).numpy()


def fit_towers(
    loaded: Encoder,
    dataset: Dataset,
    timeline: Timeline,
    settings: Settings,
    sizes: TowerSizes,
    root: Path,
    *,
    start: TowerModel | None = None,
    images: ImageModel | None = None,
    resume: bool = False,
) -> FirstStage | None:
    """Fine-tune on the towers' stretch of time.

    What ranks later queries no better than before it learned is not taken: neither towers nor, if
    it learned, their encoder.

    Args:
        loaded: on the device that trains.
        root: the application's directory: vectors are kept there, and checkpoints.
        start: towers to go on from.
        images: reads the items' pictures, which take part if they rank better.
        resume: go on with the same run where it was interrupted.

    Returns:
        None in all processes of a `torchrun` but the first.
    """
    check_monitor(RecommenderTask.monitors, settings.monitor)
    pretrained = _read_texts(dataset, loaded, root / "vectors")
    task = _task(dataset, timeline, settings, pretrained, sizes)
    task.images = _read_images(dataset, images, root / "vectors", settings.device, start)
    if start is None and task.images is not None and not task.images.any():
        raise UserError(
            "no item has a picture to learn from",
            hint="Name the column of their paths: --map items.image=COLUMN",
        )
    # The towers' first weights are drawn here, before the core sets the seed for training.
    torch.manual_seed(settings.seed)
    module = task.build(loaded)
    if start is not None:
        module.load_state_dict(start.state_dict(), strict=False)
    untrained = _alone(module)
    splits = _splits(dataset, timeline, sizes.history)
    # The window that chose the epoch would flatter it.
    later = _queries(timeline.calibration, sizes.history)
    if start is None:
        begin_together(task, pretrained, timeline.towers, splits.validation)
        if task.images is not None:
            begin_with_images(task, timeline.towers, splits.validation, later)
    began = _alone(module)
    work = root / "training" / _run_name(dataset, timeline, settings, loaded.source, sizes, images)
    tuned = finetune(task, loaded, splits, settings, work=work, resume=resume, module=module)
    if not is_main_process():
        return None
    assert isinstance(tuned.module, TowerModel)
    towers = _alone(tuned.module)
    vectors = pretrained if task.frozen else _read_again(tuned.pretrained, dataset.catalogue)
    stayed = ""
    # Towers that learn on are judged by the gate.
    if start is None:
        learned = _reached(task, towers, vectors, later)
        before = _reached(task, began, pretrained, later)
        if learned <= before:
            these = "towers" if task.frozen else "encoder and the towers"
            stayed = (
                f"The {these} stay as they began: what they learned further ranks no better "
                f"(nDCG@10 {learned:.3f}, before {before:.3f})."
            )
            say(stayed)
            towers, vectors = began, pretrained
            if not task.frozen:
                tuned = replace(tuned, pretrained=_opened(loaded.source, settings.device))
    items = item_vectors(towers, beside(vectors, task.images)).numpy()
    return FirstStage(tuned, towers, pretrained, vectors, items, untrained, task.images, stayed)


def trials(
    source: Source, dataset: Dataset, timeline: Timeline, sizes: TowerSizes, root: Path
) -> Prepare:
    """What a search over settings fine-tunes again and again: the towers, on their own time.

    Args:
        root: as of `fit_towers`.
    """
    splits = _splits(dataset, timeline, sizes.history)

    def prepare(settings: Settings) -> Prepared:
        loaded = _opened(source, settings.device, settings.dropout)
        pretrained = _read_texts(dataset, loaded, root / "vectors")
        task = _task(dataset, timeline, settings, pretrained, sizes)
        task.build(loaded)
        begin_together(task, pretrained, timeline.towers, splits.validation)
        return Prepared(task, loaded, splits)

    return prepare


def _reached(
    task: RecommenderTask, towers: TowerModel, vectors: Tensor, queries: list[Query]
) -> float:
    """nDCG@10 by texts that were read as `vectors` [items, width]."""
    task.model = towers
    return float(task.figures(vectors, queries).mean())


def _opened(source: Source, device: str, dropout: float | None = None) -> Encoder:
    """The pretrained encoder, on the device that it is to run on."""
    loaded = load_encoder(source, dropout=dropout)
    nn.Module.to(loaded.network, pick_device(device))
    return loaded


def _read_texts(dataset: Dataset, loaded: Encoder, caches: Path) -> Tensor:
    """[items, width], all texts as the pretrained encoder reads them."""
    kept = VectorCache(caches / directory_id(loaded.source.directory))
    texts = dataset.catalogue.texts
    found = encode(lambda: (text_vectors(loaded), loaded), texts, kept, width=loaded.dimension)
    return torch.from_numpy(found)


def _read_images(
    dataset: Dataset,
    model: ImageModel | None,
    caches: Path,
    device: str,
    start: TowerModel | None,
) -> Tensor | None:
    """[items, image width], zeros where there is no picture.

    Towers to go on from know the width: what was read before then needs no model.
    """
    if model is None:
        return None
    open_encoder = cache(partial(model.open, caches, device))
    width = start.items.added_images().in_features if start is not None else open_encoder().width
    vectors = VectorCache(model.cache(caches))
    found = image_vectors(dataset.catalogue.images, open_encoder, vectors, width)
    return torch.from_numpy(found)


def _read_again(backbone: Encoder, catalogue: Catalogue) -> Tensor:
    """[items, width], all texts as the fine-tuned encoder reads them, in full precision."""
    found = predict(text_vectors(backbone), backbone, catalogue.texts, what="Encoding items")
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
    return Splits(records, _queries(timeline.ranker, length), [])


def _queries(window: Window, length: int) -> list[Query]:
    asked = window.queries
    past = histories(window.known, asked.users, asked.as_of, length)
    return [Query(past.row(row), relevant) for row, relevant in enumerate(asked.relevant)]


def _alone(module: TowerModel) -> TowerModel:
    """A copy without the encoder, on the CPU."""
    weights = {
        name: tensor.detach().cpu().clone()
        for name, tensor in module.state_dict().items()
        if not name.startswith("pooled.")
    }
    return towers_of(weights, module.users.sizes)


def _run_name(
    dataset: Dataset,
    timeline: Timeline,
    settings: Settings,
    source: Source,
    sizes: TowerSizes,
    images: ImageModel | None,
) -> str:
    """The same data, settings and backbone are the same run, which `--resume` goes on with."""
    parts = [
        sorted(dataset.hashes.values()),
        settings.model_dump(),
        str(source.directory),
        asdict(sizes),
        len(timeline.towers),
        *([images.sha256] if images else []),
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]
