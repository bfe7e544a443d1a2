"""The verb `serve` of the recommender."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from apps.recommender.experiments.cli import (
    Compare,
    CompareShare,
    open_arms,
    open_experiment,
)
from apps.recommender.exploration.cli import (
    Explore,
    ExploreBy,
    ExploreHow,
    ExploreSeed,
    open_explorer,
    open_share,
    open_thompson,
)
from apps.recommender.learning.cli import KEEP_EVENTS
from apps.recommender.options_cli import (
    AsOf,
    Behavior,
    CandidateFile,
    FileOptions,
    RelationsFile,
    ReleaseId,
    RulesFile,
    StockFile,
    open_registry,
    open_rules,
    parse_moment,
)
from common.cli import Device, ServingPrecision, Store
from common.console import say
from common.durations import parse_period
from common.errors import UserError
from common.groups_cli import grouped
from common.learning.options_cli import KEEP_AUDIT, DatabaseUrl, KeepAudit, LearnWhen, Trust
from common.serving.learning.schedule import parse_schedule
from common.serving.listening_cli import AccessOptions, Port, Workers
from common.serving.switching.following_cli import ReleasesFrom, find_release

KeepEvents = Annotated[
    str, typer.Option("--keep", help="How long what was reported to /v1/events is kept.")
]

# What is done is looked at by whole days.
DRIFT_SECONDS = 600.0

verbs = typer.Typer()


@verbs.command()
@grouped
def serve(
    *,
    files: FileOptions,
    candidates: CandidateFile = None,
    rules: RulesFile = None,
    relations: RelationsFile = None,
    stock: StockFile = None,
    explore: Explore = None,
    explore_by: ExploreHow = ExploreBy.uniform,
    explore_seed: ExploreSeed = 0,
    compare: Compare = None,
    compare_share: CompareShare = None,
    as_of: AsOf = None,
    behavior: Behavior = None,
    release_id: ReleaseId = None,
    access: AccessOptions,
    port: Port = 8002,
    workers: Workers = 1,
    device: Device = "auto",
    precision: ServingPrecision = "auto",
    learn: LearnWhen = None,
    trust: Trust = None,
    keep: KeepEvents = KEEP_EVENTS,
    keep_audit: KeepAudit = KEEP_AUDIT,
    database: DatabaseUrl = None,
    releases_from: ReleasesFrom = None,
    store: Store = Path("var"),
) -> None:
    """Rank for one user at a time over HTTP, with a page to look at histories and rankings.

    What is reported to /v1/events counts at once; with --as-of, it is only kept.
    """
    keep_seconds = parse_period(keep).total_seconds()
    keep_audit_seconds = parse_period(keep_audit).total_seconds()
    schedule = parse_schedule(learn)
    if schedule and schedule.at_once:
        raise UserError(
            "--learn at-once: rankings know of events at once without learning",
            hint="Learn nightly, or after a period such as 6h.",
        )
    from apps.recommender.interactions.behaviors import parse_behaviors
    from common.models.devices import check_serving_precision

    check_serving_precision(precision, device)
    parse_behaviors(behavior)
    share = open_share(explore, explore_by)
    moment = parse_moment(as_of, "--as-of")
    live_rules, live_stock = open_rules(rules), _open_stock(stock)
    registry = open_registry(store)
    following = find_release(registry, releases_from, release_id)
    experiment = open_experiment(registry, compare, compare_share, release_id)

    def make_app(**known: Any) -> Any:
        _take_share_of_processors(workers)
        from apps.recommender.data import read_dataset
        from apps.recommender.eight_bit.loading import eight_bit_for
        from apps.recommender.explaining.server import ItemExplainer
        from apps.recommender.learning.drift import watched
        from apps.recommender.learning.server import collect_events
        from apps.recommender.learning.taking import take, with_reported
        from apps.recommender.server import build_app
        from apps.recommender.service import RankingService, open_service
        from apps.recommender.sessions.store import SharedSessions
        from common.learning.watching.drift import Watched
        from common.serving.learning.drift import DriftMonitor
        from common.serving.switching.live import LiveRelease

        collector = collect_events(
            registry,
            database=database,
            keep_seconds=keep_seconds,
            trusted_keys=trust or (),
            has_keys=known.get("api_keys") is not None,
            schedule=schedule,
            files=_as_words(files, behavior),
        )
        thompson = open_thompson(explore_by, collector.writer.store, lambda: live.current.behaviors)
        explorer = open_explorer(share, explore_seed, workers, thompson)
        shown = None
        if workers > 1:
            collector.share(lambda: live.current.behaviors)
            shown = SharedSessions(collector.writer.store.database, registry.root.name)

        def load(release: Any) -> RankingService:
            # Read anew for each release: it may have learned from later files and events.
            # Of everybody all: histories are to be whole.
            sources = files.sources(
                store, candidates=candidates, as_of=moment, behavior=behavior, release=release
            )
            reported = take(collector.writer.store, 1.0, sources.behaviors)
            with with_reported(sources, reported, registry.root) as whole:
                dataset = read_dataset(whole)
            return open_service(
                release,
                dataset,
                registry.root / "vectors",
                as_of=moment,
                device=device,
                eight_bit=eight_bit_for(registry, release, dataset.catalogue.texts, precision),
                recent=None if moment else collector.recent,
                rules=live_rules,
                relations=relations,
                explorer=explorer,
                stock=live_stock,
            )

        say("Reading the data …")
        live: LiveRelease[Any] = LiveRelease(registry, load, release_id=release_id)
        arms = open_arms(registry, load, live, experiment)

        def find(serving_id: str, service: RankingService) -> Watched:
            return watched(
                registry,
                collector.writer.store,
                serving_id,
                service.prepared,
                service.behaviors,
            )

        drift = DriftMonitor(
            live,
            find,
            collector.drifted,
            of="users",
            root=registry.root,
            seconds=DRIFT_SECONDS,
        )
        explainer = ItemExplainer(arms.of, registry)
        return build_app(
            live,
            collector=collector,
            drift=drift,
            rules=live_rules,
            stock=live_stock,
            explainer=explainer,
            shown=shown,
            thompson=thompson,
            arms=arms,
            keep_audit_seconds=keep_audit_seconds,
            **known,
        )

    access.listen(make_app, port, workers=workers, following=following)


def _take_share_of_processors(workers: int) -> None:
    """Before what computes is imported."""
    from common.serving.cpus import available_cpus

    if workers > 1:
        os.environ.setdefault("OMP_NUM_THREADS", str(max(1, available_cpus() // workers)))


def _open_stock(path: Path | None) -> Any:
    """What the shop says is to be had, live; None where it says nothing."""
    from apps.recommender.catalogue.stock import LiveStock

    return LiveStock(path) if path else None


def _as_words(files: FileOptions, behavior: list[str] | None) -> list[str]:
    """The options that name the files, as `learn` takes them."""
    named = [("--interactions", str(path)) for path in files.interactions]
    named += [("--items", str(path)) for path in files.items]
    named += [("--users", str(files.users))] if files.users else []
    named += [("--map", one) for one in files.mapping or ()]
    named += [("--behavior", one) for one in behavior or ()]
    return [part for pair in (*named, ("--on-bad-row", files.on_bad_row.value)) for part in pair]
