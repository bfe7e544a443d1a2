"""What all formats come to, and how their files are read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from apps.recommender.schema import Item
from common.errors import UserError, reason_of

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Tables:
    """A data set in our columns; nothing is read before it is written."""

    interactions: pl.LazyFrame
    items: list[Item]
    users: pl.LazyFrame | None = None


def scan_csv(path: Path, required: tuple[str, ...]) -> pl.LazyFrame:
    """A CSV file as text; `required` columns are there."""
    import polars as pl

    return require_columns(path, pl.scan_csv(path, infer_schema=False), required)


def scan_tsv(path: Path, names: tuple[str, ...] = ()) -> pl.LazyFrame:
    """Text between tabs, where a quotation mark is only that; `names` where it has no header."""
    import polars as pl

    frame = pl.scan_csv(
        path, separator="\t", has_header=not names, quote_char=None, infer_schema=False
    )
    if not names:
        return frame
    own = frame.collect_schema().names()
    if len(own) < len(names):
        raise UserError(f"{len(own)} columns, where {len(names)} are wanted", where=str(path))
    return frame.select(own[: len(names)]).rename(dict(zip(own, names, strict=False)))


def require_columns(path: Path, frame: pl.LazyFrame, required: tuple[str, ...]) -> pl.LazyFrame:
    """`frame`, if it has all `required` columns."""
    missing = [name for name in required if name not in frame.collect_schema().names()]
    if missing:
        raise UserError(f"no column {missing[0]!r}", where=str(path))
    return frame


def existing_file(source: Path, name: str) -> Path:
    """`source/name`, if there is such a file."""
    path = source / name
    if not path.is_file():
        raise UserError("no such file", where=str(path))
    return path


def as_items(path: Path, rows: Iterable[dict[str, Any]]) -> list[Item]:
    """Rows with our field names as items; the first that is none is reported with its number."""
    items = []
    for number, row in enumerate(rows, start=1):
        try:
            items.append(Item.model_validate(row))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise UserError(
                f"item {number}: {where}: {reason_of(first)}", where=str(path)
            ) from None
    return items
