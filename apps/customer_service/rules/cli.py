"""`rules check` of customer service."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from common.rules.rules_cli import add_rules_verbs

if TYPE_CHECKING:
    from common.rules.reading import Known


def add_verbs(app: typer.Typer) -> None:
    """Add `rules check`."""
    add_rules_verbs(app, _model, _known, _language)


def _model() -> Any:
    from apps.customer_service.rules.schema import AnswerRules

    return AnswerRules


def _language(text: str) -> str:
    from common.records.spoken.language import likely_language

    return likely_language(text)


def _known(store: Path) -> Known:
    from apps.customer_service.rules.known import known_names

    return known_names(store)
