"""The verb `serve` of the recommender."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

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
from common.cli import BadRow, Device, OnBadRow, Store
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
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8002,
    api_key_file: Annotated[
        Path | None, typer.Option(help="Require a key; see the verb `keys`.")
    ] = None,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="A further name the server may be addressed by.")
    ] = None,
    device: Device = "auto",
    store: Store = Path("var"),
) -> None:
    """Rank for one user at a time over HTTP, with a page to look at histories and rankings."""
    from common.serving.api_keys import ApiKeys
    from common.serving.run import known_hosts
    from common.serving.run import serve as listen

    moment = parse_moment(as_of, "--as-of")
    registry = open_registry(store)
    if release_id or registry.current_id() is None:
        registry.open(release_id)
    api_keys = ApiKeys.load(api_key_file) if api_key_file else None

    def make_app() -> Any:
        from apps.recommender.server import Recommender, build_app
        from apps.recommender.service import open_service
        from common.serving.live import LiveRelease

        def load(release: Any) -> Recommender:
            # Read anew for each release: it may have learned from later files.
            dataset = read_data(interactions, items, users, mapping, on_bad_row, store, candidates)
            vectors = registry.root / "vectors"
            return open_service(release, dataset, vectors, as_of=moment, device=device)

        say("Reading the data …")
        return build_app(
            LiveRelease(registry, load, release_id=release_id),
            api_keys=api_keys,
            known_hosts=known_hosts(host, allow_host or ()),
        )

    listen(
        make_app,
        host,
        port,
        has_api_keys=api_keys is not None,
        on_listening=lambda address: say(f"Ready: {address}  (Ctrl+C stops)"),
    )
