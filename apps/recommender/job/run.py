"""One scoring run: bring release and data together, then score shard by shard."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from apps.recommender.catalogue.images import pictures_sha256
from apps.recommender.data import Dataset
from apps.recommender.eight_bit.loading import APPLICATION, eight_bit_for
from apps.recommender.job.batch import Outcome, check_directory, run_job, unwritable
from apps.recommender.job.manifest import JobPlan
from apps.recommender.job.scoring import ShardScorer
from apps.recommender.lists.rules import read_rules
from apps.recommender.pipeline.prepared import DONE, write_prepared
from apps.recommender.release import load_release, prepare
from common.console import say
from common.models.devices import ServingPrecision
from common.releases.registry import Registry
from common.releases.release import Release


@dataclass(frozen=True)
class Request:
    """What is wanted of a run.

    Attributes:
        k: items a user.
        diversity: strength, or None as the release chose.
        rules: a file that takes the place of the release's rules.
        as_of: seconds since 1970, or None for just after the last interaction.
        shard_size: users a shard.
    """

    directory: Path
    k: int
    diversity: float | None
    rules: Path | None
    as_of: int | None
    shard_size: int


def run_scoring(
    release: Release,
    dataset: Dataset,
    request: Request,
    root: Path,
    *,
    executor: str,
    workers: int,
    device: str,
    precision: ServingPrecision = "auto",
) -> Outcome:
    """Score all users into `request.directory`, or go on where an earlier start was stopped.

    Raises:
        UserError: the directory holds another run, or the data does not fit the release.
    """
    rules = read_rules(request.rules) if request.rules else None
    if rules is not None:
        for line in rules.without_effect(dataset.catalogue):
            say(f"{request.rules}: {line}")
    moment = int(dataset.events.time.max()) + 1 if request.as_of is None else request.as_of
    registry = Registry(root.parent, APPLICATION)
    eight_bit = eight_bit_for(registry, release, dataset.catalogue.texts, precision)
    plan = JobPlan(
        directory=request.directory,
        users=len(dataset.user_ids),
        shard_size=request.shard_size,
        model_id=release.release_id,
        inputs=_inputs(release, dataset),
        settings={
            "k": request.k,
            "diversity": request.diversity,
            "rules": None if rules is None else rules.model_dump(mode="json"),
            "behaviors": dict(dataset.behaviors.own),
            **({} if eight_bit is None else {"eight_bit": eight_bit.name}),
        },
        scored_at=datetime.fromtimestamp(moment, UTC),
    )
    check_directory(plan)
    prepared = root / "prepared" / _name(plan.identity)
    if not (prepared / DONE).exists():
        found = prepare(
            load_release(release),
            dataset,
            root / "vectors",
            as_of=moment,
            device=device,
            eight_bit=eight_bit,
        )
        try:
            write_prepared(prepared, found)
        except OSError as error:
            raise unwritable(prepared, error) from None
    scorer = ShardScorer(release.directory, prepared, request.k, request.diversity, rules)
    outcome = run_job(plan, scorer, executor, workers)
    shutil.rmtree(prepared)
    return outcome


def _inputs(release: Release, dataset: Dataset) -> dict[str, str]:
    """SHA-256 by the name of each input; those of a release with pictures are one."""
    if not release.manifest.get("images"):
        return dataset.hashes
    catalogue = dataset.catalogue
    return {**dataset.hashes, "images": pictures_sha256(catalogue.ids, catalogue.images)}


def _name(identity: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
