"""The verbs `releases` of every application."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from common.cli import Json, Store, new_app, print_json
from common.console import results, say, show_table
from common.releases.cards.cards_cli import add_card_verb
from common.releases.remote.remote_cli import WHERE, add_remote_verbs, roll_back_there

if TYPE_CHECKING:
    from common.releases.registry import Registry


def add_release_verbs(
    app: typer.Typer, application: str, metrics: Sequence[str], card: Path
) -> None:
    """Add `releases list|show|card|promote|rollback|prune|push|pull`.

    Args:
        metrics: the columns of the list.
        card: what the application says of itself on paper, its `card.toml`.
    """
    releases = new_app("Releases: list, show, put on paper, promote, roll back, prune, push, pull.")
    app.add_typer(releases, name="releases")
    add_card_verb(releases, application, card)

    def registry(store: Path) -> Registry:
        from common.releases.registry import Registry

        return Registry(store, application)

    add_remote_verbs(releases, registry)

    @releases.command("list")
    def list_releases(store: Store = Path("var"), as_json: Json = False) -> None:
        """All releases, and which one serves."""
        from common.releases.listing import releases_table

        found, current = registry(store).all(), registry(store).current_id()
        if as_json:
            print_json({"current": current, "releases": [r.release_id for r in found]})
            return
        show_table(releases_table(found, current, metrics))

    @releases.command()
    def show(
        release_id: Annotated[str | None, typer.Argument(help="Default: current.")] = None,
        store: Store = Path("var"),
        as_json: Json = False,
    ) -> None:
        """A release's manifest, after checking its files."""
        manifest = registry(store).open(release_id).manifest
        if as_json:
            print_json(manifest)
        else:
            results().print_json(data={k: v for k, v in manifest.items() if k != "files"})

    @releases.command()
    def promote(release_id: str, store: Store = Path("var")) -> None:
        """Let a release serve; a running server switches to it."""
        say(f"Now serving: {registry(store).promote(release_id).release_id}")

    @releases.command()
    def rollback(
        at: Annotated[str | None, typer.Option("--at", help=f"Everywhere: {WHERE}")] = None,
        store: Store = Path("var"),
    ) -> None:
        """Let the release serve that served before."""
        if at is not None:
            roll_back_there(at, application)
            return
        say(f"Serving again: {registry(store).rollback().release_id}")

    @releases.command("prune")
    def prune_releases(
        keep: Annotated[int, typer.Option(min=1, help="How many of the newest stay.")] = 10,
        dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
        store: Store = Path("var"),
        as_json: Json = False,
    ) -> None:
        """Delete old releases; what serves, served before, or is in use stays."""
        from common.releases.pruning import prune

        found = prune(registry(store), keep, dry_run=dry_run)
        if as_json:
            print_json({"dry_run": dry_run, **vars(found)})
            return
        for name in found.release_ids:
            results().print(f"{'Would go' if dry_run else 'Gone'}: {name}", markup=False)
        for name in found.in_use:
            say(f"{name} is in use: it stays")
        say(f"Room freed{' then' if dry_run else ''}: {found.freed / 1e6:,.1f} MB")
