"""RecBole: atomic files, `name:type` in the header."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apps.recommender.interactions.formats.tables import Tables, as_items, require_columns, scan_tsv
from common.console import say
from common.errors import UserError
from common.records.fields import LAST_SECOND

if TYPE_CHECKING:
    import polars as pl

# Data sets name these as they like.
FIELDS = {
    "title": r"(.*_)?title|(.*_)?name",
    "description": r"description|abstract",
    "tags": r"tags?|genres?|class",
    "category": r"category",
    "price": r"price",
}
BEHAVIOR_FIELDS = ("behavior", "behavior_type", "event", "event_type", "action")


def read_recbole(source: Path, mapping: Mapping[str, str]) -> Tables:
    """One .inter and one .item file, perhaps a .user file."""
    import polars as pl

    inter = _scan_atomic(source, ".inter", ("user_id", "item_id", "timestamp"))
    names = inter.collect_schema().names()
    seconds = pl.col("timestamp").cast(pl.Float64)
    seconds = pl.when(seconds > LAST_SECOND).then(seconds / 1000).otherwise(seconds)
    further = [pl.col("rating")] if "rating" in names else []
    if "label" in names:
        further.append(pl.col("label").cast(pl.Float64).cast(pl.Int8))
    interactions = inter.select(
        "user_id",
        "item_id",
        _behavior(names).alias("behavior"),
        seconds.floor().cast(pl.Int64).alias("timestamp"),
        *further,
    )
    described = _scan_atomic(source, ".item", ("item_id",)).collect()
    columns = _columns(source, described.columns, mapping)
    nameless = described[columns["title"]].null_count()
    if nameless:
        say(f"{source}: {nameless} items without title; they get their id for one")

    def items() -> Iterator[dict[str, Any]]:
        for row in described.to_dicts():
            values = {field: row[column] for field, column in columns.items()}
            values["title"] = values["title"] or row["item_id"]
            values["tags"] = re.split(r"[,|\s]+", (values.get("tags") or "").strip(" ,|"))
            values["tags"] = [tag for tag in values["tags"] if tag]
            yield values | {"item_id": row["item_id"]}

    known = list(source.glob("*.user"))
    users = _scan_atomic(source, ".user", ("user_id",)) if known else None
    return Tables(interactions, as_items(source, items()), users)


def _behavior(names: list[str]) -> pl.Expr:
    """What was done, as the data set names it; a click where it does not say."""
    import polars as pl

    found = next((name for name in BEHAVIOR_FIELDS if name in names), None)
    return pl.lit("click") if found is None else pl.col(found)


def _columns(source: Path, names: list[str], mapping: Mapping[str, str]) -> dict[str, str]:
    """Our field of an item → their column."""
    columns = {}
    for field, pattern in FIELDS.items():
        fitting = [name for name in names if re.fullmatch(pattern, name) and name != "item_id"]
        column = mapping.get(field) or next(iter(fitting), None)
        if column in names:
            columns[field] = column
        elif field in mapping or field == "title":
            raise UserError(
                f"no field {column!r}" if column else "no field looks like a title",
                where=f"{source}/*.item",
                hint=f"Name it: --map {field}=…, one of {', '.join(names)}",
            )
    return columns


def _scan_atomic(source: Path, suffix: str, required: tuple[str, ...]) -> pl.LazyFrame:
    found = sorted(source.glob(f"*{suffix}"))
    if len(found) != 1:
        there = ", ".join(path.name for path in found) or "none"
        raise UserError(f"one *{suffix} file is wanted; there: {there}", where=str(source))
    frame = scan_tsv(found[0])
    short = {name: name.partition(":")[0] for name in frame.collect_schema().names()}
    return require_columns(found[0], frame.rename(short), required)
