"""From what users did since to a candidate: fitted anew by rule, measured on what came last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from apps.recommender.catalogue.items import Catalogue
from apps.recommender.comparison.comparison import serving_pipeline
from apps.recommender.data import Dataset, Sources, read_dataset
from apps.recommender.evaluate import summarise
from apps.recommender.learning.comparison import compare, time_rankings
from apps.recommender.learning.fitting import (
    MAX_NDCG_LOSS,
    Fitted,
    are_due,
    fit,
    save_candidate,
    towers_learned,
)
from apps.recommender.learning.groups import GROUPING
from apps.recommender.learning.store import EventStore
from apps.recommender.learning.taking import PER_USER, take, with_reported
from apps.recommender.lists.margins import not_weighed
from apps.recommender.pipeline.pipeline import Pipeline
from apps.recommender.record import facts, of_towers
from apps.recommender.release import Model, load_release
from apps.recommender.stress.judging import decide_with
from common.console import say
from common.evaluation.report import write_report
from common.learning.candidates.comparison import Comparison, judge, with_expectations
from common.learning.candidates.cost import Cost, Timing
from common.learning.candidates.earlier import made_from, take_earlier
from common.learning.candidates.releasing import Candidate, Learned, release_candidate
from common.learning.candidates.report import (
    candidate_section,
    curves_section,
    drift_section,
    review_section,
)
from common.releases.expectations import load_expectations
from common.releases.registry import Registry
from common.releases.release import REPORT, Release

Which = Literal["by-rule", "keep", "learn"]


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
    taken = take(store, per_user, sources.behaviors)
    with with_reported(sources, taken, registry.root) as whole:
        dataset = read_dataset(whole)
    dataset.audit.raise_on_errors()
    if _is_known(release, dataset):
        return Learned(taken)
    made_of = made_from(
        release,
        files=dataset.hashes,
        map=sources.mapping,
        behaviors=sources.behaviors.own,
        towers=towers,
        by=by,
    )
    if known := take_earlier(registry, made_of, taken, promote=promote):
        return known
    say(f"{len(dataset.events):,} events")
    due = towers == "learn" or (towers == "by-rule" and are_due(release, dataset))
    made = _make(registry, release, serving, dataset, by=by, due=due, device=device)
    if (
        due
        and towers == "by-rule"
        and towers_learned(release)["before"]
        and not judge(made.comparison)[1]
    ):
        say(
            "The towers that learned on are no better: they stay, and the second stage learns alone"
        )
        due = False
        made = _make(registry, release, serving, dataset, by=by, due=due, device=device)
    fitted = made.fitted
    choices, margins = fitted.stage.choices, fitted.stage.margins
    manifest = {
        "data": facts(dataset, fitted.timeline),
        "features": fitted.stage.features,
        "diversity": {"method": choices.method, "strength": choices.diversity_weight},
        "towers": of_towers(dataset, fitted.timeline) if due else towers_learned(release),
        "cold": fitted.stage.cold_to_json(release.manifest.get("cold", {}).get("asked")),
        "margins": margins.to_json() if margins else not_weighed(release.manifest.get("margins")),
        "images": release.manifest.get("images"),
        "simple": fitted.stage.judgement.to_json(),
        "max_ndcg_loss": release.manifest.get("max_ndcg_loss", MAX_NDCG_LOSS),
        "after": made.figures,
    }

    def report(directory: Path, verdict: str, cost: Cost) -> None:
        sections = [
            candidate_section(made.comparison, verdict, cost),
            *curves_section(fitted.tuned),
            *drift_section(registry.root, release.release_id),
            review_section(taken),
        ]
        write_report(directory / REPORT, "Recommender: what was learned", sections)

    candidate = Candidate(
        release,
        taken,
        made.comparison,
        made_of,
        partial(save_candidate, fitted, serving, load_expectations(release)),
        report,
        manifest,
        made.timing,
    )
    return release_candidate(registry, candidate, promote=promote)


@dataclass(frozen=True)
class _Made:
    """A candidate, beside the release that serves on what came last."""

    fitted: Fitted
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
    fitted = fit(registry, release, serving, dataset, due=due, device=device)
    window = fitted.timeline.test
    say("Measuring both releases on what came last")
    caches = registry.root / "vectors"

    def as_served(catalogue: Catalogue) -> Pipeline:
        data = replace(dataset, catalogue=catalogue)
        return serving_pipeline(serving, data, window, caches, device=device)

    served, made = as_served(dataset.catalogue), fitted.pipeline(dataset)
    comparison, after = compare(served, made, window, dataset, by)
    comparison = with_expectations(
        comparison,
        load_expectations(release),
        decide_with(served, dataset.behaviors, as_served),
        decide_with(made, dataset.behaviors, partial(fitted.pipeline, dataset)),
    )
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
