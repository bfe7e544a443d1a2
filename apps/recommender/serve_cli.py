"""The verb `serve` of the recommender."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from apps.recommender.learning.cli import KEEP_EVENTS
from apps.recommender.options_cli import (
    AsOf,
    CandidateFile,
    Interactions,
    Items,
    MappingOption,
    ReleaseId,
    Users,
    name_sources,
    open_registry,
    parse_moment,
)
from common.cli import (
    LOOPBACK,
    AllowHost,
    ApiKeyFile,
    BadRow,
    Device,
    Host,
    OnBadRow,
    Port,
    Store,
    listen,
)
from common.console import say
from common.durations import parse_period
from common.learning.cli import DatabaseUrl

KeepEvents = Annotated[
    str, typer.Option("--keep", help="How long what was reported to /v1/events is kept.")
]

verbs = typer.Typer()


@verbs.command()
def serve(
    interactions: Interactions,
    items: Items,
    users: Users = None,
    candidates: CandidateFile = None,
    as_of: AsOf = None,
    mapping: MappingOption = None,
    on_bad_row: OnBadRow = BadRow.fail,
    release_id: ReleaseId = None,
    host: Host = LOOPBACK,
    port: Port = 8002,
    api_key_file: ApiKeyFile = None,
    allow_host: AllowHost = None,
    device: Device = "auto",
    keep: KeepEvents = KEEP_EVENTS,
    database: DatabaseUrl = None,
    store: Store = Path("var"),
) -> None:
    """Rank for one user at a time over HTTP, with a page to look at histories and rankings.

    What is reported to /v1/events counts at once; with --as-of, it is only kept.
    """
    keep_seconds = parse_period(keep).total_seconds()
    moment = parse_moment(as_of, "--as-of")
    registry = open_registry(store)
    if release_id or registry.current_id() is None:
        registry.open(release_id)

    def make_app(**access: Any) -> Any:
        from apps.recommender.data import read_dataset
        from apps.recommender.learning.server import collect_events
        from apps.recommender.learning.taking import take, with_reported
        from apps.recommender.server import Recommender, build_app
        from apps.recommender.service import open_service
        from common.serving.live import LiveRelease

        collector = collect_events(registry, database=database, keep_seconds=keep_seconds)
        sources = name_sources(
            interactions, items, users, mapping, on_bad_row, store, candidates, moment
        )

        def load(release: Any) -> Recommender:
            # Read anew for each release: it may have learned from later files and events.
            reported = take(collector.writer.store)
            with with_reported(sources, reported, registry.root) as whole:
                dataset = read_dataset(whole)
            return open_service(
                release,
                dataset,
                registry.root / "vectors",
                as_of=moment,
                device=device,
                recent=None if moment else collector.recent,
            )

        say("Reading the data …")
        live = LiveRelease(registry, load, release_id=release_id)
        return build_app(live, collector=collector, **access)

    listen(make_app, host, port, api_key_file, allow_host)
