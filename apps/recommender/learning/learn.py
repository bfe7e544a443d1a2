"""From what users did since to a candidate: fitted anew by rule, measured on what came last."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from torch import nn

from apps.recommender.comparison.comparison import serving_pipeline
from apps.recommender.data import Dataset, Sources, read_dataset
from apps.recommender.evaluate import summarise
from apps.recommender.interactions.timeline import Timeline, split_in_time, split_later
from apps.recommender.learning.comparison import compare, time_rankings
from apps.recommender.learning.groups import GROUPING
from apps.recommender.learning.store import EventStore
from apps.recommender.learning.taking import PER_USER, take, with_reported
from apps.recommender.pipeline.first_stage import fit_towers
from apps.recommender.pipeline.pipeline import Pipeline
from apps.recommender.pipeline.second_stage import SecondStage, fit_second_stage, window_pipeline
from apps.recommender.record import facts, of_towers
from apps.recommender.release import (
    ENCODER,
    Model,
    item_vectors_of,
    load_release,
    save_ranking,
    save_release,
)
from apps.recommender.retrieval.towers import TowerModel
from common.console import say
from common.errors import UserError
from common.evaluation.report import write_report
from common.learning.candidates.comparison import Comparison, judge
from common.learning.candidates.cost import Cost, Timing
from common.learning.candidates.earlier import made_from, take_earlier
from common.learning.candidates.releasing import Candidate, Learned, release_candidate
from common.learning.candidates.report import candidate_section, review_section
from common.models.devices import pick_device
from common.models.encoder import Encoder, load_encoder
from common.releases.registry import Registry
from common.releases.release import REPORT, Release
from common.tuning.settings import Settings

Which = Literal["by-rule", "keep", "learn"]

# The towers learn on after so long, the second stage each time.
TOWERS_AFTER = timedelta(days=7)
# They go on from where they stand: fewer epochs than training's.
TOWER_EPOCHS = 4
MAX_NDCG_LOSS = 0.01


@dataclass(frozen=True)
class _Fitted:
    """A candidate; `backbone` is None where its encoder is the serving release's."""

    timeline: Timeline
    towers: TowerModel
    items: NDArray[np.float32]
    stage: SecondStage
    backbone: Encoder | None

    def pipeline(self, dataset: Dataset) -> Pipeline:
        """As it stood when the test began."""
        return window_pipeline(
            self.towers,
            dataset,
            self.items,
            self.timeline.test,
            self.stage.choices,
            ranker=self.stage.ranker,
            probabilities=self.stage.probabilities,
        )


def learn(
    registry: Registry,
    store: EventStore,
    sources: Sources,
    *,
    promote: bool,
    per_user: float = PER_USER,
    towers: Which = "by-rule",
    by: Sequence[str] = GROUPING.usual,
    device: str = "auto",
) -> Learned:
    """Make a candidate of all that users did, and measure it on what came last.

    The second stage is fitted anew on what came since the towers learned. The towers learn on where
    what came since they last did spans a week, or where they are to; by rule they stay if that does
    not pass the gate, so that it never keeps the second stage from learning.

    Args:
        sources: files; what was reported comes on top.
        promote: let the candidate serve if it passes the gate.
        per_user: see `take`.
        by: the groups of users that may not get worse, see `GROUPING`.

    Raises:
        UserError: there is no release, or too little was done to learn from.
    """
    release = registry.open()
    serving = load_release(release)
    taken = take(store, per_user)
    with with_reported(sources, taken, registry.root) as whole:
        dataset = read_dataset(whole)
    dataset.audit.raise_on_errors()
    if _is_known(release, dataset):
        return Learned(taken)
    made_of = made_from(release, files=dataset.hashes, map=sources.mapping, towers=towers, by=by)
    if known := take_earlier(registry, made_of, taken, promote=promote):
        return known
    say(f"{len(dataset.events):,} events")
    due = towers == "learn" or (towers == "by-rule" and _is_due(release, dataset))
    made = _make(registry, release, serving, dataset, by=by, due=due, device=device)
    if due and towers == "by-rule" and _towers(release)["before"] and not judge(made.comparison)[1]:
        say(
            "The towers that learned on are no better: they stay, and the second stage learns alone"
        )
        due = False
        made = _make(registry, release, serving, dataset, by=by, due=due, device=device)
    fitted = made.fitted
    choices = fitted.stage.choices
    manifest = {
        "data": facts(dataset, fitted.timeline),
        "features": fitted.stage.features,
        "diversity": {"method": choices.method, "strength": choices.diversity_weight},
        "towers": of_towers(dataset, fitted.timeline) if due else _towers(release),
        "max_ndcg_loss": release.manifest.get("max_ndcg_loss", MAX_NDCG_LOSS),
        "after": made.figures,
    }

    def report(directory: Path, verdict: str, cost: Cost) -> None:
        sections = [candidate_section(made.comparison, verdict, cost), review_section(taken)]
        write_report(directory / REPORT, "Recommender: what was learned", sections)

    candidate = Candidate(
        release,
        taken,
        made.comparison,
        made_of,
        partial(_save, fitted, serving),
        report,
        manifest,
        made.timing,
    )
    return release_candidate(registry, candidate, promote=promote)


@dataclass(frozen=True)
class _Made:
    """A candidate, beside the release that serves on what came last."""

    fitted: _Fitted
    comparison: Comparison
    figures: dict[str, float]
    timing: Timing | None


def _make(
    registry: Registry,
    release: Release,
    serving: Model,
    dataset: Dataset,
    *,
    by: Sequence[str],
    due: bool,
    device: str,
) -> _Made:
    say("The towers learn on" if due else "The second stage learns")
    fitted = _fit(registry, release, serving, dataset, due=due, device=device)
    window = fitted.timeline.test
    say("Measuring both releases on what came last")
    caches = registry.root / "vectors"
    served = serving_pipeline(serving, dataset, window, caches, device=device)
    made = fitted.pipeline(dataset)
    comparison, after = compare(served, made, window, dataset, by)
    return _Made(fitted, comparison, summarise(after), time_rankings(served, made, window))


def _is_known(release: Release, dataset: Dataset) -> bool:
    """Whether a release was made of just these data."""
    data = release.manifest["data"]
    events = dataset.events
    ends = datetime.fromisoformat(data["ends"]).timestamp() if "ends" in data else -np.inf
    same = data["counts"]["events"] == len(events)
    return bool(same and data["counts"]["items"] == len(dataset.catalogue)) and (
        ends == events.time.max()
    )


def _towers(release: Release) -> dict[str, str | None]:
    """When the towers of a release learned; see `of_towers`."""
    begins = release.manifest["data"]["begins"]
    known: dict[str, str | None] = release.manifest.get(
        "towers", {"known": begins["test"], "before": begins["ranker"]}
    )
    return known


def _is_due(release: Release, dataset: Dataset) -> bool:
    """Whether it is time for the towers to learn on.

    Towers that learned until another moment for each user leave no time that they do not know.
    """
    towers = _towers(release)
    if towers["before"] is None or towers["known"] is None:
        return True
    since = datetime.fromisoformat(towers["known"]).timestamp()
    return bool(dataset.events.time.max() - since >= TOWERS_AFTER.total_seconds())


def _fit(
    registry: Registry,
    release: Release,
    serving: Model,
    dataset: Dataset,
    *,
    due: bool,
    device: str,
) -> _Fitted:
    settings = Settings(**release.manifest["settings"]).model_copy(update={"device": device})
    loss = release.manifest.get("max_ndcg_loss", MAX_NDCG_LOSS)
    backbone = None
    if due:
        timeline = split_in_time(dataset.events, dataset.catalogue)
        towers, items, backbone = _learn_on(registry, serving, dataset, timeline, settings)
    else:
        begins = _towers(release)["before"]
        if begins is None:
            raise UserError(
                "the release's towers were trained with --strategy leave-one-out",
                hint="Let them learn on: --towers learn.",
            )
        moment = int(datetime.fromisoformat(begins).timestamp())
        timeline = split_later(dataset.events, dataset.catalogue, moment)
        towers, texts = serving.towers, dataset.catalogue.texts
        items = item_vectors_of(serving, texts, registry.root / "vectors", device=device)
    stage = fit_second_stage(
        towers,
        dataset,
        items,
        timeline,
        serving.choices,
        max_ndcg_loss=loss,
        seed=settings.seed,
    )
    return _Fitted(timeline, towers, items, stage, backbone)


def _learn_on(
    registry: Registry, serving: Model, dataset: Dataset, timeline: Timeline, settings: Settings
) -> tuple[TowerModel, NDArray[np.float32], Encoder]:
    """The towers of the serving release, fine-tuned further on all that they may know."""
    loaded = load_encoder(serving.source, projected=False, dropout=settings.dropout)
    nn.Module.to(loaded.network, pick_device(settings.device))
    further = settings.model_copy(update={"epochs": min(TOWER_EPOCHS, settings.epochs)})
    sizes = serving.towers.users.sizes
    first = fit_towers(
        loaded, dataset, timeline, further, sizes, registry.root, start=serving.towers
    )
    assert first is not None, "learning runs in one process"
    return first.towers, first.items, first.tuned.pretrained


def _save(fitted: _Fitted, serving: Model, directory: Path) -> None:
    if fitted.backbone is not None:
        save_release(directory, fitted.backbone, fitted.towers, fitted.stage)
        return
    # Weights that did not change take no room twice.
    shutil.copytree(serving.directory / ENCODER, directory / ENCODER, copy_function=os.link)
    save_ranking(directory, serving.source, fitted.towers, fitted.stage)
