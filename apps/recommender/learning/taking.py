"""From reported events to interactions: what is taken, and what is left out and why."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apps.recommender.data import Sources
from apps.recommender.interactions.behaviors import SHOWN, Behaviors
from apps.recommender.interactions.reading import read_interactions
from apps.recommender.learning.disliking import Disliking
from apps.recommender.learning.reported import Event, event_id
from apps.recommender.learning.store import EventStore
from common.console import say
from common.errors import UserError
from common.files import scratch
from common.learning.review import LeftOut, reasons

if TYPE_CHECKING:
    import polars as pl

PER_USER = 0.05
# Few events are everybody's first: below this many, a share of them means nothing.
FEWEST_OF_USER = 50
NOT_TAKEN = "click"
READING = ".reading-"
IMPORTED = "imported"
# Of a shown item; shops number the lists of each user by themselves.
PLACE = ("user_id", "impression_id", "item_id")


@dataclass(frozen=True)
class Taken:
    """What is learned from; `interactions` has the columns of an interactions file.

    What was shown and not taken is a row with `label` 0; what was taken of a list has 1.
    """

    interactions: pl.DataFrame
    left_out: Sequence[LeftOut]

    @property
    def feedback_ids(self) -> list[str]:
        """None: events stay as they are, and are learned from together with all others."""
        return []

    def rows(self) -> list[tuple[str, str]]:
        """How many are learned from, and how many are left out for each reason."""
        done = self.interactions["label"].fill_null(1).sum()
        shown = len(self.interactions) - done
        found = [("learned: done by users", done), ("learned: shown and not taken", shown)]
        out = [(f"left out: {why}", count) for why, count in reasons(self.left_out).items()]
        return [(what, f"{count:,}") for what, count in (*found, *out)]

    def summary(self) -> Mapping[str, Any]:
        """Plain values for a manifest."""
        return {"taken": len(self.interactions), "left_out": reasons(self.left_out)}


def take(
    store: EventStore, per_user: float = PER_USER, behaviors: Behaviors | None = None
) -> Taken:
    """All reported events, but no more of a user than a share.

    One user who does what a thousand do is a program, and would make popular what it likes.

    Args:
        per_user: largest share of what users did that is taken of one of them, the earliest.
        behaviors: by which a dislike is told; it takes nothing of what was shown.
    """
    import polars as pl

    disliking = Disliking.of(store.counts(), store.ratings(), behaviors or Behaviors())

    reported = read_reported(store)
    done = reported.filter(pl.col("behavior") != SHOWN)
    shown = reported.filter(pl.col("behavior") == SHOWN)
    most = max(FEWEST_OF_USER, int(per_user * len(done)))
    within = pl.int_range(pl.len()).over("user_id") < most
    over = done.filter(~within)
    why = f"more than {per_user:.0%} are of one user"
    left_out = [LeftOut(i, u, why) for i, u in over.select("id", "user_id").iter_rows()]
    kept = _as_shown(done.filter(within), shown)
    taken = done.filter(~disliking.rows).select(PLACE).unique()
    not_taken = shown.join(taken, on=PLACE, how="anti", nulls_equal=True)
    is_taken = pl.col("impression_id").is_not_null() & ~disliking.rows
    rows = pl.concat(
        [
            kept.with_columns(label=pl.when(is_taken).then(pl.lit(1, pl.Int8))),
            not_taken.with_columns(behavior=pl.lit(NOT_TAKEN, pl.String), label=pl.lit(0, pl.Int8)),
        ]
    )
    seconds = pl.col("at").floor().cast(pl.Int64).alias("timestamp")
    columns = ("user_id", "item_id", "behavior", "rating", "impression_id", "label")
    in_order = rows.sort("at", "id")
    return Taken(in_order.select(*columns, "position", "propensity", seconds), left_out)


def _as_shown(done: pl.DataFrame, shown: pl.DataFrame) -> pl.DataFrame:
    """With the place and the propensity that an item was shown with, where that was reported."""
    import polars as pl

    first = shown.unique(PLACE, keep="first", maintain_order=True)
    wanted = first.select(*PLACE, as_position="position", as_propensity="propensity")
    joined = done.join(wanted, on=PLACE, how="left", maintain_order="left")
    return joined.with_columns(
        pl.coalesce("position", "as_position").alias("position"),
        pl.coalesce("propensity", "as_propensity").alias("propensity"),
    ).drop("as_position", "as_propensity")


def log_of(interactions: pl.DataFrame) -> pl.DataFrame:
    """What was shown with its propensity, as `off-policy` reads it; taken: a reward of 1.

    Args:
        interactions: of `Taken`.
    """
    import polars as pl

    shown = interactions.filter(
        pl.col("label").is_not_null()
        & pl.col("position").is_not_null()
        & pl.col("propensity").is_not_null()
    )
    # Who clicks and buys took one thing that was shown.
    once = shown.unique(PLACE, keep="first", maintain_order=True)
    columns = ("user_id", "item_id", "propensity", pl.col("label").alias("reward"))
    return once.select(*columns, "position", "timestamp", "impression_id")


def read_reported(store: EventStore) -> pl.DataFrame:
    """All events by user and time, the columns of `Event` but for who reported them."""
    import polars as pl

    text = ("id", "user_id", "item_id", "behavior", "impression_id", "release_id")
    schema: dict[str, Any] = {
        **dict.fromkeys(text, pl.String),
        "at": pl.Float64,
        "rating": pl.Float64,
        "position": pl.Int32,
        "propensity": pl.Float64,
    }
    blocks = [
        pl.DataFrame([{name: row[name] for name in schema} for row in block], schema=schema)
        for block in store.blocks()
    ]
    return pl.concat(blocks) if blocks else pl.DataFrame(schema=schema)


@contextmanager
def with_reported(sources: Sources, taken: Taken, root: Path) -> Iterator[Sources]:
    """The files a user gave and what was reported, as long as it is read.

    What was reported is in no file afterwards, for a purge must leave none.

    Args:
        root: the application's directory.
    """
    rows = _known(taken.interactions.drop("position", "propensity"), sources.behaviors)
    if rows.is_empty():
        yield sources
        return
    with scratch(root, READING) as folder:
        path = folder / "reported.parquet"
        rows.write_parquet(path)
        yield replace(sources, interactions=[*sources.interactions, path])


def _known(rows: pl.DataFrame, behaviors: Behaviors) -> pl.DataFrame:
    """Rows whose behaviour is known: what was reported to another release may not be."""
    import polars as pl

    names = rows["behavior"].unique().to_list()
    unknown = [name for name in names if behaviors.find(name) is None]
    known = rows.filter(~pl.col("behavior").is_in(unknown))
    if unknown:
        say(
            f"{len(rows) - len(known):,} reported events are left out: their behaviors are not "
            f"known ({', '.join(sorted(unknown))}). Name them with --behavior."
        )
    return known


def clear_readings(root: Path) -> None:
    """Delete what a `learn` that was killed left of the events it was reading."""
    for folder in root.glob(f"{READING}*"):
        shutil.rmtree(folder, ignore_errors=True)


def write_interactions(path: Path, interactions: pl.DataFrame) -> None:
    """Write a table as an interactions file: CSV, Parquet or JSONL by its suffix.

    Raises:
        UserError: another suffix.
    """
    writers: dict[str, Callable[[Path], object]] = {
        ".csv": interactions.write_csv,
        ".parquet": interactions.write_parquet,
        ".jsonl": interactions.write_ndjson,
    }
    write = writers.get(path.suffix.lower())
    if write is None:
        wanted = ", ".join(writers)
        raise UserError("not a format that is written", where=str(path), hint=f"One of {wanted}")
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path)


def read_events(path: Path, mapping: Mapping[str, str], behaviors: Behaviors) -> list[Event]:
    """An interactions file as events; what was shown and not taken is what was shown.

    Raises:
        UserError: bad rows.
    """
    frame = read_interactions(path, mapping=mapping, behaviors=behaviors).frame
    names = ("user_id", "item_id", "called", "time", "rating", "impression_id", "label")
    found = []
    for user, item, behavior, time, rating, impression, label in frame.select(names).iter_rows():
        name = SHOWN if label == 0 else str(behavior)
        said = {
            "user_id": str(user),
            "item_id": str(item),
            "behavior": name,
            "rating": rating,
            "impression_id": impression,
        }
        identity = event_id(None, time, *said.values())
        found.append(Event(id=identity, at=float(time), source=IMPORTED, **said))
    return found
