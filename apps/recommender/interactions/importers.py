"""Public data sets in their own formats → interactions.csv, items.jsonl and users.csv of ours."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from apps.recommender.interactions.formats.mind import read_mind
from apps.recommender.interactions.formats.movielens import read_movielens
from apps.recommender.interactions.formats.recbole import read_recbole
from apps.recommender.interactions.formats.tables import Tables
from apps.recommender.interactions.popularity import DAY
from common.console import say
from common.errors import UserError
from common.records.reader import write_jsonl

if TYPE_CHECKING:
    import polars as pl


def import_dataset(
    kind: str,
    source: Path,
    output: Path,
    *,
    tags_before: datetime | None = None,
    mapping: Mapping[str, str] | None = None,
) -> list[Path]:
    """Write the data set in `source` to `output` and return the files.

    Args:
        kind: `movielens` (ratings.csv, movies.csv), `mind` (behaviors.tsv and news.tsv, or folders
            that hold them) or `recbole` (one .inter and one .item file, perhaps a .user file).
        tags_before: MovieLens: also take what users wrote before that moment (tags.csv) as tags of
            a film. Left out by default, because a later tag knows the future.
        mapping: RecBole: our field of an item → their name, where it is not found.

    Raises:
        UserError: there is no such kind; a file is missing or not of that format.
    """
    import polars as pl

    readers: dict[str, Callable[[], Tables]] = {
        "movielens": lambda: read_movielens(source, tags_before),
        "mind": lambda: read_mind(source),
        "recbole": lambda: read_recbole(source, mapping or {}),
    }
    if kind not in readers:
        raise UserError(f"no importer {kind!r}", hint=f"Importers: {', '.join(readers)}")
    written = [output / "interactions.csv", output / "items.jsonl"]
    try:
        tables = readers[kind]()
        output.mkdir(parents=True, exist_ok=True)
        written += _write_interactions(tables.interactions, written[0])
        write_jsonl(written[1], tables.items)
        if tables.users is not None:
            written.append(output / "users.csv")
            _write_csv(tables.users, written[2])
    except pl.exceptions.PolarsError as error:
        what = str(error).strip().splitlines()[0]
        raise UserError(f"not in the format of {kind}: {what}", where=str(source)) from None
    return written


def _write_interactions(table: pl.LazyFrame, path: Path) -> list[Path]:
    """Write what may be believed; rows dated ahead of the clock go to a file of their own.

    Returns:
        That file, if there are such rows.
    """
    import polars as pl

    seconds = pl.col("timestamp").cast(pl.Int64, strict=False)
    is_ahead = (seconds > int(time.time()) + DAY).fill_null(False)
    _write_csv(table.filter(~is_ahead), path)
    rejected = path.with_suffix(".rejected.csv")
    rejected.unlink(missing_ok=True)
    ahead = int(table.select(is_ahead.sum()).collect(engine="streaming").item())
    if not ahead:
        return []
    _write_csv(table.filter(is_ahead), rejected)
    say(f"{ahead} rows are dated ahead of this machine's clock. They were written to {rejected}")
    return [rejected]


def _write_csv(table: pl.LazyFrame, path: Path) -> None:
    """Streamed: a table may be larger than memory."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        table.sink_csv(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
