"""The rows of the table: techniques, each as settings."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.tuning.pretraining.choices import Method
from common.tuning.settings import Settings

ROWS = Path(__file__).with_name("rows.toml")


@dataclass(frozen=True)
class Row:
    """A technique, as settings over those of a work.

    Attributes:
        works: where it is in the core.
        pretrain: how the backbone first learns from texts without labels, as of `pretrain`.
    """

    name: str
    family: str
    works: list[str]
    settings: dict[str, Any] = field(default_factory=dict)
    pretrain: Method | None = None


def read_rows() -> list[Row]:
    """The rows of `rows.toml`, each with settings that there are."""
    rows = [Row(**row) for row in tomllib.loads(ROWS.read_text(encoding="utf-8"))["row"]]
    for row in rows:
        Settings(**row.settings)
    return rows
