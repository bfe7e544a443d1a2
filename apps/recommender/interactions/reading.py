"""Read interactions fast, column by column; row by row where something is amiss."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from apps.recommender.interactions.behaviors import DEFAULT, Behaviors, InteractionRow, names_in
from apps.recommender.interactions.popularity import DAY
from apps.recommender.schema import BEHAVIORS
from common.console import say
from common.files import file_sha256
from common.records.columns import guessed, match_columns
from common.records.fields import LAST_MILLISECOND, LAST_SECOND
from common.records.reader import OnBadRow, read_records
from common.records.rows import separator

if TYPE_CHECKING:
    import polars as pl

REQUIRED = {"user_id", "item_id", "timestamp"}
# With what a past is ranked: later than so much beyond nearly all others is a wrong clock.
LEAST_BEYOND = 30 * DAY
ROWS_AT_ONCE = 500_000
NAMES = ("user_id", "item_id", "called")


@dataclass(frozen=True)
class InteractionTable:
    """All rows of one file, checked.

    `frame` has the columns `user_id`, `item_id` (categories), `behavior` (number into `BEHAVIORS`),
    `called` (its name in the file in small letters, a category), `time` (seconds since 1970),
    `weight`, `liking` (what the behaviour says of the item: 0 not liked, 1 nothing, above 1 liked),
    `rating` (null where not known), `impression_id` (text or null) and `label` (0, 1 or null).
    """

    frame: pl.DataFrame
    sha256: str


def read_interactions(
    path: Path,
    *,
    mapping: Mapping[str, str] | None = None,
    on_bad_row: OnBadRow = "fail",
    rejected_directory: Path | None = None,
    is_past: bool = False,
    behaviors: Behaviors | None = None,
) -> InteractionTable:
    """Read CSV, TSV, Parquet or JSONL.

    A clean table is read by columns, many times as fast as by rows. Anything unexpected
    sends the whole file through `read_records`, whose errors name file, line and field.
    One event dated ahead of all others would set the moment that is ranked for, and let all
    popularity be forgotten: what is dated more than a day ahead of the clock is a bad row.

    Args:
        is_past: a past is ranked, and the clock says little: rows far beyond nearly all
            others are bad ones, too.
        behaviors: what each name of a behaviour stands for; default: the known ones.

    Raises:
        UserError: as `read_records`.
    """
    behaviors = behaviors or Behaviors()
    latest, beyond = int(time.time()) + DAY, "ahead of this machine's clock"
    while True:
        frame = _read_clean(path, dict(mapping or {}), latest, behaviors)
        sha256 = None
        if frame is None:
            records = read_records(
                path,
                InteractionRow,
                mapping=mapping,
                on_bad_row=on_bad_row,
                rejected_directory=rejected_directory,
                context={"latest": latest, "beyond": beyond, "behaviors": behaviors},
            )
            frame, sha256 = _frame(records.items), records.sha256
        last = _bulk_end(frame) if is_past else latest
        if _last_time(frame) <= last:
            if said := behaviors.said(names_in(frame)):
                say(f"{path}: read {said}")
            return InteractionTable(frame, sha256 or file_sha256(path))
        latest, beyond = last, "far beyond nearly all other rows of this past"


def _last_time(frame: pl.DataFrame) -> int:
    return int(frame["time"].to_numpy().max(initial=0))


def _bulk_end(frame: pl.DataFrame) -> int:
    """Until when a row may be dated, going by where nearly all rows are; seconds since 1970."""
    first, last = (int(frame["time"].quantile(q, "nearest") or 0) for q in (0.01, 0.99))
    return last + max(last - first, LEAST_BEYOND)


def _read_clean(
    path: Path, mapping: dict[str, str], latest: int, behaviors: Behaviors
) -> pl.DataFrame | None:
    """The checked columns, or None where the row reader has to look; a block of rows at a time.

    Args:
        latest: no row may be later, seconds since 1970.
    """
    import polars as pl

    if not path.is_file() or path.suffix.lower() not in {".csv", ".tsv", ".parquet"}:
        return None
    try:
        whole = _scan(path)
        columns = whole.collect_schema().names()
        present = match_columns(InteractionRow.model_fields, columns, mapping)
        if not present.keys() >= REQUIRED or not set(mapping.values()) <= set(columns):
            return None
        wanted = whole.select(pl.col(c).alias(name) for name, c in present.items())
        parts = []
        for block in wanted.collect_batches(chunk_size=ROWS_AT_ONCE, maintain_order=True):
            checked = _checked(block, behaviors)
            if checked is None or _last_time(checked) > latest:
                return None
            parts.append(checked)
    except (pl.exceptions.PolarsError, OSError, UnicodeDecodeError):
        return None
    if parts and (said := guessed(present, mapping)):
        say(f"{path}: read {said}")
    ignored = sorted(set(columns) - set(present.values()))
    if ignored and parts:
        say(f"{path}: ignored columns: {', '.join(ignored)}")
    return pl.concat(parts) if parts else None


def _scan(path: Path) -> pl.LazyFrame:
    import polars as pl

    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return pl.scan_parquet(path)
    with path.open(encoding="utf-8-sig") as file:
        between = separator(path, file.readline())
    return pl.scan_csv(path, infer_schema=False, separator=between)


def _checked(frame: pl.DataFrame, behaviors: Behaviors) -> pl.DataFrame | None:
    """Typed columns; None if any value does not fit."""
    import polars as pl

    frame = frame.cast({"user_id": pl.String, "item_id": pl.String})
    frame = frame.with_columns(pl.col(pl.String).str.strip_chars().replace("", None))
    called = _column(frame, "behavior").cast(pl.String).str.to_lowercase().fill_null(DEFAULT)
    frame = frame.with_columns(called.alias("called"))
    meant = _meant(frame["called"], behaviors)
    if meant is None:
        return None
    columns = [
        pl.col("user_id"),
        pl.col("item_id"),
        meant["behavior"],
        pl.col("called"),
        _seconds(frame.schema["timestamp"]).alias("time"),
        _number(frame, "weight", 1.0) * meant["weight"],
        meant["liking"],
        _number(frame, "rating", None),
        _column(frame, "impression_id").cast(pl.String).alias("impression_id"),
        _column(frame, "label").cast(pl.Int8).alias("label"),
    ]
    typed = frame.select(columns)
    fits = typed.select(
        pl.col("user_id", "item_id", "behavior", "time").is_not_null().all(),
        ((pl.col("weight") >= 0) & pl.col("weight").is_finite()).all().alias("weight"),
        (pl.col("rating").is_finite() | pl.col("rating").is_null()).all().alias("rating"),
        (pl.col("label").is_in([0, 1]) | pl.col("label").is_null()).all().alias("label"),
    ).row(0)
    if not all(fits):
        return None
    # A name that occurs a thousand times is kept once.
    return typed.cast(dict.fromkeys(NAMES, pl.Categorical))


def _column(frame: pl.DataFrame, name: str) -> pl.Expr:
    import polars as pl

    return pl.col(name) if name in frame.columns else pl.lit(None)


def _meant(called: pl.Series, behaviors: Behaviors) -> pl.DataFrame | None:
    """[rows] `behavior` (number into `BEHAVIORS`), `weight`, `liking`; None if one is not known."""
    import polars as pl

    numbers, weights, liking = {}, {}, {}
    for name in called.unique().to_list():
        meaning = behaviors.find(name)
        if meaning is None:
            return None
        numbers[name] = BEHAVIORS.index(meaning.behavior)
        weights[name] = 1.0 if meaning.is_opinion else meaning.weight
        liking[name] = meaning.weight if meaning.is_opinion else 1.0
    return pl.DataFrame(
        {
            "behavior": called.replace_strict(numbers, return_dtype=pl.Int8),
            "weight": called.replace_strict(weights, return_dtype=pl.Float64),
            "liking": called.replace_strict(liking, return_dtype=pl.Float64),
        }
    )


def _number(frame: pl.DataFrame, name: str, default: float | None) -> pl.Expr:
    import polars as pl

    return _column(frame, name).cast(pl.Float64).fill_null(pl.lit(default)).alias(name)


def _seconds(kind: pl.DataType) -> pl.Expr:
    """Seconds since 1970 from numbers, from text, or from times with a zone; else null."""
    import polars as pl

    column = pl.col("timestamp")
    if isinstance(kind, pl.Datetime) and kind.time_zone:
        return column.dt.epoch("s")
    if kind.is_integer():
        return _of_number(column.cast(pl.Int64))
    if kind != pl.String:
        return pl.lit(None, pl.Int64)
    number = column.cast(pl.Int64, strict=False)
    zoned = (
        column.str.replace(" ", "T")
        .str.replace(r"[Zz]$", "+0000")
        .str.replace(r"([+-]\d\d):(\d\d)$", "${1}${2}")
    )
    moment = zoned.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%z", time_zone="UTC", strict=False)
    return pl.coalesce(_of_number(number), moment.dt.epoch("s"))


def _of_number(number: pl.Expr) -> pl.Expr:
    """Seconds from seconds or milliseconds since 1970; null from anything finer."""
    import polars as pl

    size = number.abs()
    return (
        pl.when(size <= LAST_SECOND)
        .then(number)
        .when(size < LAST_MILLISECOND)
        .then(number.floordiv(1000))
    )


def _frame(records: list[InteractionRow]) -> pl.DataFrame:
    import polars as pl

    return pl.DataFrame(
        {
            "user_id": [r.user_id for r in records],
            "item_id": [r.item_id for r in records],
            "behavior": [BEHAVIORS.index(r.behavior) for r in records],
            "called": [r.called for r in records],
            "time": [int(r.timestamp.timestamp() // 1) for r in records],
            "weight": [r.weight for r in records],
            "liking": [r.liking for r in records],
            "rating": [r.rating for r in records],
            "impression_id": [r.impression_id for r in records],
            "label": [r.label for r in records],
        },
        schema={
            "user_id": pl.Categorical,
            "item_id": pl.Categorical,
            "behavior": pl.Int8,
            "called": pl.Categorical,
            "time": pl.Int64,
            "weight": pl.Float64,
            "liking": pl.Float64,
            "rating": pl.Float64,
            "impression_id": pl.String,
            "label": pl.Int8,
        },
    )
