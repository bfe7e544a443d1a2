"""Releases as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from common.releases.release import Release

if TYPE_CHECKING:
    from rich.table import Table


def releases_table(
    releases: Sequence[Release], current: str | None, metrics: Sequence[str]
) -> Table:
    """One row a release, newest last, the serving one marked, with some of its metrics."""
    from rich.table import Table

    table = Table("")
    table.add_column("release", no_wrap=True)
    for name in metrics:
        table.add_column(name.replace("_", " "), justify="right")
    # Behind the figures, for they give way first.
    table.add_column("languages")
    table.add_column("base model")
    for release in releases:
        after = release.manifest.get("after", {})
        shown = [f"{after[name]:.1%}" if name in after else "–" for name in metrics]
        table.add_row(
            "serves" if release.release_id == current else "",
            release.release_id,
            *shown,
            ", ".join(release.manifest.get("languages", [])),
            str(release.manifest.get("base_model", "")),
        )
    return table
