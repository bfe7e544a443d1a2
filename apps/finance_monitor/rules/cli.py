"""Rules of the finance monitor on the command line: `--rules` and `rules check`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from apps.finance_monitor.options_cli import open_registry
from common.errors import UserError
from common.rules.rules_cli import add_rules_verbs

if TYPE_CHECKING:
    from common.rules.reading import Known


def add_verbs(app: typer.Typer) -> None:
    """Add `rules check`."""
    add_rules_verbs(app, _model, _known)


def open_rules(
    path: Path | None, store: Path, release_id: str | None = None, *, scored: bool = False
) -> Any:
    """The rules that `--rules` names, live; None where it names none.

    Raises:
        UserError: as `read_rules`; or the feed is scored already.
    """
    if path is None:
        return None
    if scored:
        raise UserError(
            "--rules: the feed is scored already",
            hint="Give the rules to what scores it: `score`, or `watch --score-only`.",
        )
    from common.rules.live import LiveRules

    return LiveRules(path, _model(), lambda: _known(store, release_id))


def _model() -> Any:
    from apps.finance_monitor.rules.schema import StoryRules

    return StoryRules


def _known(store: Path, release_id: str | None = None) -> Known:
    from apps.finance_monitor.rules.schema import known_names

    registry = open_registry(store)
    found = release_id or registry.current_id()
    return known_names(registry.open(found).manifest["topics"] if found else None)
