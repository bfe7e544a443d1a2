"""The verb `releases card`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from common.cli import Store, existing
from common.console import say


def add_card_verb(releases: typer.Typer, application: str, texts: Path) -> None:
    """Add it to the verbs of `releases`; `texts` is the application's `card.toml`."""

    @releases.command()
    def card(
        out: Annotated[Path, typer.Option(help="The page to write: .html.")],
        release_id: Annotated[str | None, typer.Argument(help="Default: current.")] = None,
        language: Literal["en", "zh"] = "en",
        about: Annotated[
            Path | None,
            typer.Option(
                callback=existing,
                help="What only you know of it, as TOML: owner, legal_ground, retention, …",
            ),
        ] = None,
        store: Store = Path("var"),
    ) -> None:
        """A release on paper, for auditors: model card and data sheet as one HTML page."""
        from common.errors import UserError
        from common.releases.cards.about import About, read_about
        from common.releases.cards.card import Texts, write_card
        from common.releases.registry import Registry

        if out.suffix != ".html":
            raise UserError(f"--out {out}: a card is a page, named …html")
        said = read_about(about) if about else About()
        release = Registry(store, application).open(release_id)
        write_card(out, release, Texts.read(texts, language), said, language)
        say(f"{out}: the card of release {release.release_id}.")
