"""The verb `serve` of the recommender."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from apps.recommender.options_cli import (
    AsOf,
    CandidateFile,
    Interactions,
    Items,
    MappingOption,
    ReleaseId,
    Users,
    open_registry,
    parse_moment,
    read_data,
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
    store: Store = Path("var"),
) -> None:
    """Rank for one user at a time over HTTP, with a page to look at histories and rankings."""
    moment = parse_moment(as_of, "--as-of")
    registry = open_registry(store)
    if release_id or registry.current_id() is None:
        registry.open(release_id)

    def make_app(**access: Any) -> Any:
        from apps.recommender.server import Recommender, build_app
        from apps.recommender.service import open_service
        from common.serving.live import LiveRelease

        def load(release: Any) -> Recommender:
            # Read anew for each release: it may have learned from later files.
            dataset = read_data(
                interactions, items, users, mapping, on_bad_row, store, candidates, moment
            )
            vectors = registry.root / "vectors"
            return open_service(release, dataset, vectors, as_of=moment, device=device)

        say("Reading the data …")
        return build_app(LiveRelease(registry, load, release_id=release_id), **access)

    listen(make_app, host, port, api_key_file, allow_host)
