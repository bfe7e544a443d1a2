"""From the log of events to decisions: one list that was shown a row, as `effect` reads it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from apps.recommender.experiments.actions import Action
from apps.recommender.experiments.assignment import Experiment
from apps.recommender.experiments.telling import find_periods
from apps.recommender.exploration.explorer import DRAWN_BELOW
from apps.recommender.interactions.behaviors import SHOWN
from apps.recommender.learning.disliking import Disliking
from apps.recommender.learning.store import DAY, TIME_TO_TAKE
from apps.recommender.schema import ANONYMOUS
from common.errors import UserError

if TYPE_CHECKING:
    import polars as pl

LIST = ("user_id", "impression_id")


def decisions_of(
    reported: pl.DataFrame,
    disliking: Disliking,
    *,
    action: Action,
    experiment: Experiment | None = None,
    serving_id: str = "",
    now: float | None = None,
) -> list[dict[str, Any]]:
    """A row for each list that a user with a name was shown, oldest first.

    Lists count that were reported with an `impression_id`, and have been looked at for half an
    hour. For a release, those of its experiment; for exploring, those that chance decided about.

    Args:
        reported: as of `taking.read_reported`.
        experiment: of the release that is the action.
        serving_id: the release beside it.
        now: seconds since 1970; None: the clock.

    Raises:
        UserError: there is none of these, or no experiment beside that release.
    """
    import polars as pl

    until = (time.time() if now is None else now) - TIME_TO_TAKE
    lists = _lists(reported, disliking).filter(pl.col("at") < until)
    if experiment is not None:
        lists, moment = _of_experiment(lists, experiment, serving_id), pl.col("began")
    else:
        lists, moment = _of_chance(lists), pl.col("at")
    if lists.is_empty():
        raise UserError(
            "no list that was reported as shown tells it",
            hint="Report shown lists to /v1/events with an impression_id and, for --action "
            "explored, with each item's propensity; what is done with the same impression_id. A "
            "list counts once it is half an hour old.",
        )
    before = _done_before(reported, lists.select("user_id", moment=moment))
    told = lists.with_columns(done_before=pl.Series(before)).sort("at", *LIST)
    begin = told["at"][0]
    return [
        {
            "user_id": row["user_id"],
            "impression_id": row["impression_id"],
            "shown_at": datetime.fromtimestamp(row["at"], UTC).isoformat(timespec="seconds"),
            "release_id": row["release_id"],
            "day": round((row["at"] - begin) / DAY, 2),
            "items": row["items"],
            "done_before": row["done_before"],
            "other_release" if action is Action.release else "explored": int(row["treated"]),
            "taken": int(row["taken_items"] > 0),
            "taken_items": row["taken_items"],
        }
        for row in told.iter_rows(named=True)
    ]


def _lists(reported: pl.DataFrame, disliking: Disliking) -> pl.DataFrame:
    """A row a list: when, by which release, how many items, how many of them were taken."""
    import polars as pl

    of_list = reported.filter(
        pl.col("impression_id").is_not_null() & (pl.col("user_id") != ANONYMOUS)
    )
    was_shown = pl.col("behavior") == SHOWN
    keys = [*LIST, "item_id"]
    taken = of_list.filter(~was_shown & ~disliking.rows).select(keys).unique()
    shown = of_list.filter(was_shown).unique(keys, keep="first", maintain_order=True)
    return (
        shown.join(taken.with_columns(is_taken=True), on=keys, how="left")
        .group_by(LIST)
        .agg(
            pl.col("at").min(),
            pl.col("release_id").first(),
            pl.len().alias("items"),
            pl.col("is_taken").sum().alias("taken_items"),
            pl.col("propensity").is_null().any().alias("untold"),
            pl.col("propensity").min().alias("least"),
        )
    )


def _of_experiment(lists: pl.DataFrame, experiment: Experiment, serving_id: str) -> pl.DataFrame:
    """Those of both arms that were shown while both releases were."""
    import polars as pl

    periods = find_periods(experiment, serving_id)
    within = pl.any_horizontal(*(pl.col("at").is_between(*one, closed="left") for one in periods))
    found = lists.filter(within & pl.col("release_id").is_in([serving_id, experiment.release_id]))
    treated = pl.col("release_id") == experiment.release_id
    inside: Callable[[str], bool] = experiment.includes
    # A list that is reported after a promotion may be told of another release than made it.
    of_arm = pl.Series([inside(user) for user in found["user_id"]], dtype=pl.Boolean)
    found = found.with_columns(treated=treated, began=pl.lit(periods[0][0]))
    return found.filter(of_arm == found["treated"])


def _of_chance(lists: pl.DataFrame) -> pl.DataFrame:
    """Those that might have given a place to chance."""
    import polars as pl

    decided = lists.filter(~pl.col("untold") & (pl.col("least") < 1))
    return decided.with_columns(treated=pl.col("least") < DRAWN_BELOW)


def _done_before(reported: pl.DataFrame, asked: pl.DataFrame) -> list[int]:
    """How much each user [rows of `asked`] had done before a moment."""
    import polars as pl

    done = reported.filter(pl.col("behavior") != SHOWN).sort("at")
    times = {
        user: np.array(at) for user, at in done.group_by("user_id").agg(pl.col("at")).iter_rows()
    }
    none = np.empty(0)
    return [int(np.searchsorted(times.get(user, none), at)) for user, at in asked.iter_rows()]
