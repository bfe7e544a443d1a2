"""MIND: behaviors.tsv and news.tsv, without header."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from apps.recommender.interactions.formats.tables import Tables, as_items, existing_file, scan_tsv
from common.errors import UserError

if TYPE_CHECKING:
    import polars as pl

# As in 11/9/2019 8:05:22 AM.
TIME = "%m/%d/%Y %I:%M:%S %p"
BEHAVIORS = ("impression_id", "user_id", "time", "history", "impressions")
NEWS = ("item_id", "category", "subcategory", "title", "description")


def read_mind(source: Path) -> Tables:
    """What was shown, in its order, and whether it was clicked; times are taken as UTC.

    Clicks of a user's history have no time: they are set a second apart, the last one a second
    before the first impression of the whole set, which keeps their order and leaks nothing.
    """
    import polars as pl

    folders = sorted(path.parent for path in source.glob("**/behaviors.tsv"))
    if not folders:
        existing_file(source, "behaviors.tsv")
    frames = []
    for folder in folders:
        # Each folder counts its impressions from 1.
        prefix = "" if folder == source else f"{folder.name}-"
        numbered = pl.lit(prefix) + pl.col("impression_id")
        rows = scan_tsv(folder / "behaviors.tsv", BEHAVIORS)
        time = pl.col("time").str.to_datetime(TIME).dt.epoch("s")
        frames.append(rows.with_columns(impression_id=numbered, timestamp=time))
    rows = pl.concat(frames)
    shown = _shown(rows)
    unlabelled = shown.select(pl.col("label").null_count()).collect(engine="streaming").item()
    if unlabelled:
        raise UserError(
            f"{unlabelled} impressions without label, such as N1234-1",
            where=str(source),
            hint="The published test set has none: take train and dev.",
        )
    news = pl.concat(
        [scan_tsv(existing_file(folder, "news.tsv"), NEWS) for folder in folders]
    ).unique("item_id", keep="first", maintain_order=True)
    articles = (
        row | {"tags": [row.pop("subcategory")], "language": "en"}
        for row in news.collect().to_dicts()
    )
    interactions = pl.concat([_histories(rows), shown], how="diagonal")
    return Tables(interactions, as_items(source / "news.tsv", articles))


def _shown(rows: pl.LazyFrame) -> pl.LazyFrame:
    import polars as pl

    shown = rows.with_columns(shown=pl.col("impressions").str.split(" ")).with_columns(
        position=pl.int_ranges(pl.col("shown").list.len())
    )
    return shown.explode("shown", "position").select(
        "user_id",
        item_id=pl.col("shown").str.extract(r"^(.+)-[01]$"),
        behavior=pl.lit("click"),
        timestamp="timestamp",
        impression_id="impression_id",
        position="position",
        label=pl.col("shown").str.extract(r"-([01])$"),
    )


def _histories(rows: pl.LazyFrame) -> pl.LazyFrame:
    import polars as pl

    begin = rows.select(pl.col("timestamp").min()).collect().item()
    first = rows.filter(pl.col("history").is_not_null()).unique(
        "user_id", keep="first", maintain_order=True
    )
    clicked = first.select("user_id", item_id=pl.col("history").str.split(" ")).with_columns(
        age=pl.int_ranges(pl.col("item_id").list.len(), 0, -1)
    )
    return clicked.explode("item_id", "age").select(
        "user_id",
        "item_id",
        behavior=pl.lit("click"),
        timestamp=begin - pl.col("age"),
    )
