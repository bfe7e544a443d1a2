"""The verbs `releases push|pull`, and rolling back everywhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from common.cli import Store
from common.console import say

if TYPE_CHECKING:
    from common.releases.registry import Registry

WHERE = "s3://bucket/prefix, gs://…, or a directory that machines share."


def add_remote_verbs(releases: typer.Typer, registry: Callable[[Path], Registry]) -> None:
    """Add `push` and `pull` to the verbs of releases."""

    @releases.command()
    def push(
        to: Annotated[str, typer.Option("--to", help=WHERE)],
        release_id: Annotated[str | None, typer.Argument(help="Default: current.")] = None,
        promote: Annotated[
            bool, typer.Option("--promote/--no-promote", help="Whether it serves there.")
        ] = True,
        store: Store = Path("var"),
    ) -> None:
        """Publish a release; servers with --releases-from switch to it within seconds."""
        from common.releases.remote.place import Place
        from common.releases.remote.publishing import let_serve, publish

        place, here = Place(to), registry(store)
        release = here.open(release_id)
        copied = publish(place, here.root.name, release)
        say(f"Published: {release.release_id}, {copied / 1e6:,.1f} MB copied")
        if promote:
            let_serve(place, here.root.name, release.release_id)
            say(f"Serving from {to}: {release.release_id}")

    @releases.command()
    def pull(
        source: Annotated[str, typer.Option("--from", help=WHERE)],
        release_id: Annotated[
            str | None, typer.Argument(help="Default: what serves there.")
        ] = None,
        promote: Annotated[
            bool, typer.Option("--promote/--no-promote", help="Whether it serves here.")
        ] = True,
        store: Store = Path("var"),
    ) -> None:
        """Fetch a release that was published, and check its files."""
        from common.errors import UserError
        from common.releases.remote.fetching import fetch
        from common.releases.remote.place import Place
        from common.releases.remote.pointer import read_pointer

        place, here = Place(source), registry(store)
        digest = None
        if release_id is None:
            pointer = read_pointer(place, here.root.name)
            if pointer is None:
                raise UserError("no release was published there yet", where=source)
            release_id, digest = pointer.release_id, pointer.manifest
        fetch(place, here, here.root.name, release_id, digest)
        say(f"Fetched: {release_id}")
        if promote:
            say(f"Now serving: {here.promote(release_id).release_id}")


def roll_back_there(url: str, application: str) -> None:
    """Let the release serve everywhere that served before, and say so.

    Raises:
        UserError: none did, or the place does not answer.
    """
    from common.releases.remote.place import Place
    from common.releases.remote.publishing import roll_back

    say(f"Serving again from {url}: {roll_back(Place(url), application).release_id}")
