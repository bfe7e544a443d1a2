"""A candidate fitted: the second stage each time, the towers once a week."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import nn

from apps.recommender.baselines.tuning import simple_methods
from apps.recommender.catalogue.items import Catalogue
from apps.recommender.data import Dataset
from apps.recommender.interactions.timeline import Timeline, split_in_time, split_later
from apps.recommender.pipeline.first_stage import FirstStage, fit_towers
from apps.recommender.pipeline.pipeline import Pipeline
from apps.recommender.pipeline.second_stage import SecondStage, fit_second_stage
from apps.recommender.release import (
    ENCODER,
    Model,
    item_vectors_of,
    save_ranking,
    save_release,
)
from apps.recommender.retrieval.towers import TowerModel
from common.errors import UserError
from common.evaluation.stress.expectations.expectation import Expectations
from common.models.devices import pick_device
from common.models.encoder import Encoder, load_encoder
from common.releases.expectations import save_expectations
from common.releases.registry import Registry
from common.releases.release import Release
from common.tuning.finetune import Tuned
from common.tuning.settings import Settings

# The towers learn on after so long, the second stage each time.
TOWERS_AFTER = timedelta(days=7)
# They go on from where they stand: fewer epochs than training's.
TOWER_EPOCHS = 4
MAX_NDCG_LOSS = 0.01


@dataclass(frozen=True)
class Fitted:
    """A candidate; `tuned` is None where its encoder is the serving release's.

    `read` makes item vectors of a catalogue with other texts.
    """

    timeline: Timeline
    towers: TowerModel
    items: NDArray[np.float32]
    stage: SecondStage
    tuned: Tuned[Encoder] | None
    read: Callable[[Catalogue], NDArray[np.float32]]

    def pipeline(self, dataset: Dataset, catalogue: Catalogue | None = None) -> Pipeline:
        """As it stood when the test began.

        Args:
            catalogue: the same items with other texts.
        """
        items = self.items if catalogue is None else self.read(catalogue)
        return self.stage.pipeline(self.towers, dataset, items, self.timeline.test)


def towers_learned(release: Release) -> dict[str, str | None]:
    """When the towers of a release learned; see `of_towers`."""
    begins = release.manifest["data"]["begins"]
    known: dict[str, str | None] = release.manifest.get(
        "towers", {"known": begins["test"], "before": begins["ranker"]}
    )
    return known


def are_due(release: Release, dataset: Dataset) -> bool:
    """Whether it is time for the towers to learn on.

    Towers that learned until another moment for each user leave no time that they do not know.
    """
    towers = towers_learned(release)
    if towers["before"] is None or towers["known"] is None:
        return True
    since = datetime.fromisoformat(towers["known"]).timestamp()
    return bool(dataset.events.time.max() - since >= TOWERS_AFTER.total_seconds())


def fit(
    registry: Registry,
    release: Release,
    serving: Model,
    dataset: Dataset,
    *,
    due: bool,
    device: str,
) -> Fitted:
    """Fit what is `due`, the towers too or the second stage alone, on all that was done.

    Raises:
        UserError: the towers leave no time that they do not know.
    """
    settings = Settings(**release.manifest["settings"]).model_copy(update={"device": device})
    loss = release.manifest.get("max_ndcg_loss", MAX_NDCG_LOSS)
    margins = release.manifest.get("margins")
    read: Callable[[Catalogue], NDArray[np.float32]]
    if due:
        timeline = split_in_time(dataset.events, dataset.catalogue)
        first = _learn_on(registry, serving, dataset, timeline, settings)
        towers, items, tuned, read = first.towers, first.items, first.tuned, first.read
    else:
        begins = towers_learned(release)["before"]
        if begins is None:
            raise UserError(
                "the release's towers were trained with --strategy leave-one-out",
                hint="Let them learn on: --towers learn.",
            )
        moment = int(datetime.fromisoformat(begins).timestamp())
        timeline = split_later(dataset.events, dataset.catalogue, moment)
        caches = registry.root / "vectors"
        read = partial(item_vectors_of, serving, caches=caches, device=device)
        towers, items, tuned = serving.towers, read(dataset.catalogue), None
    stage = fit_second_stage(
        towers,
        dataset,
        items,
        timeline,
        serving.choices,
        simple_methods(len(dataset.catalogue)),
        max_ndcg_loss=loss,
        cold_places=release.manifest.get("cold", {}).get("asked"),
        margin_ndcg_loss=margins["max_ndcg_loss"] if margins else None,
        seed=settings.seed,
    )
    return Fitted(timeline, towers, items, stage, tuned, read)


def _learn_on(
    registry: Registry, serving: Model, dataset: Dataset, timeline: Timeline, settings: Settings
) -> FirstStage:
    """The towers of the serving release, fine-tuned further on all that they may know."""
    loaded = load_encoder(serving.source, projected=False, dropout=settings.dropout)
    nn.Module.to(loaded.network, pick_device(settings.device))
    further = settings.model_copy(update={"epochs": min(TOWER_EPOCHS, settings.epochs)})
    sizes = serving.towers.users.sizes
    first = fit_towers(
        loaded,
        dataset,
        timeline,
        further,
        sizes,
        registry.root,
        start=serving.towers,
        images=serving.images,
    )
    assert first is not None, "learning runs in one process"
    return first


def save_candidate(
    fitted: Fitted, serving: Model, expectations: Expectations | None, directory: Path
) -> None:
    """Write its files; those of an encoder that stayed are the serving release's own."""
    save_expectations(expectations, directory)
    if fitted.tuned is not None:
        save_release(
            directory, fitted.tuned.pretrained, fitted.towers, fitted.stage, serving.images
        )
        return
    # Weights that did not change take no room twice.
    shutil.copytree(serving.directory / ENCODER, directory / ENCODER, copy_function=os.link)
    save_ranking(directory, serving.source, fitted.towers, fitted.stage, serving.images)
