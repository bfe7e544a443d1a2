"""One scoring run: bring release and data together, then score shard by shard."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from apps.recommender.catalogue.images import pictures_sha256
from apps.recommender.catalogue.stock import read_stock
from apps.recommender.data import Dataset
from apps.recommender.eight_bit.loading import APPLICATION, eight_bit_for
from apps.recommender.job.batch import Outcome, check_directory, run_job, unwritable
from apps.recommender.job.manifest import JobPlan
from apps.recommender.job.scoring import ShardScorer, write_relations
from apps.recommender.lists.rules import read_rules
from apps.recommender.pipeline.prepared import DONE, write_prepared
from apps.recommender.related.relations import read_relations
from apps.recommender.release import load_release, prepare
from common.console import say
from common.files import file_sha256
from common.models.devices import ServingPrecision
from common.records.reader import hashes_by_name
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
        relations: a file of relations between items.
        stock: a file that says what is to be had, over what the items say.
    """

    directory: Path
    k: int
    diversity: float | None
    rules: Path | None
    as_of: int | None
    shard_size: int
    relations: Path | None = None
    stock: Path | None = None


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
    relations = read_relations(
        request.relations, dataset.catalogue, datetime.fromtimestamp(moment, UTC)
    )
    if request.stock is not None:
        dataset = _with_stock(dataset, request.stock)
    registry = Registry(root.parent, APPLICATION)
    eight_bit = eight_bit_for(registry, release, dataset.catalogue.texts, precision)
    plan = JobPlan(
        directory=request.directory,
        users=len(dataset.user_ids),
        shard_size=request.shard_size,
        model_id=release.release_id,
        inputs=_inputs(release, dataset, [request.relations, request.stock]),
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
    prepared = root / "prepared" / name_of(plan)
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
            prepared.mkdir(parents=True, exist_ok=True)
            write_relations(prepared, relations)
            write_prepared(prepared, found)
        except OSError as error:
            raise unwritable(prepared, error) from None
    scorer = ShardScorer(release.directory, prepared, request.k, request.diversity, rules)
    outcome = run_job(plan, scorer, executor, workers)
    shutil.rmtree(prepared)
    return outcome


def _with_stock(dataset: Dataset, path: Path) -> Dataset:
    stock, catalogue = read_stock(path), dataset.catalogue
    if unknown := stock.unknown(catalogue):
        say(f"{path}: {unknown:,} items are not in the catalogue")
    return replace(dataset, catalogue=replace(catalogue, available=stock.available(catalogue)))


def _inputs(release: Release, dataset: Dataset, further: Sequence[Path | None]) -> dict[str, str]:
    """SHA-256 by the name of each input; those of a release with pictures are one."""
    catalogue, own = dataset.catalogue, dataset.hashes
    read = [(Path(name), sha256) for name, sha256 in own.items()]
    found = hashes_by_name([*read, *((path, file_sha256(path)) for path in further if path)])
    if not release.manifest.get("images"):
        return found
    return {**found, "images": pictures_sha256(catalogue.ids, catalogue.images)}


def name_of(plan: JobPlan) -> str:
    """Of what it is prepared with: its own, for a run that ends deletes that."""
    identity = {**plan.identity, "directory": str(plan.directory.resolve())}
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
