"""A log of what was shown with which propensity, and what a release shows instead."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import Field

from apps.recommender.exploration.off_policy import Ints, Logged
from apps.recommender.pipeline.pipeline import Pipeline
from apps.recommender.schema import MOST_ITEMS, Record
from common.console import progress
from common.errors import UserError
from common.records.fields import Text, Time
from common.records.reader import OnBadRow, Records, read_records


class LoggedRow(Record):
    """One item that was shown: where, how probable that was, and what it earned."""

    user_id: Text
    item_id: Text
    propensity: float = Field(gt=0, le=1, allow_inf_nan=False)
    reward: float = Field(allow_inf_nan=False)
    position: int = Field(ge=1, le=MOST_ITEMS)
    timestamp: Time | None = None


def read_log(
    path: Path, mapping: dict[str, str], on_bad_row: OnBadRow, rejected: Path
) -> Records[LoggedRow]:
    """The rows of a log.

    Raises:
        UserError: bad rows.
    """
    return read_records(
        path,
        LoggedRow,
        mapping=mapping,
        on_bad_row=on_bad_row,
        rejected_directory=rejected,
    )


def begins(log: Records[LoggedRow]) -> int | None:
    """When the log begins, seconds since 1970; None where not all rows are dated."""
    times = [row.timestamp for row in log]
    known = [int(time.timestamp()) for time in times if time is not None]
    return min(known) if known and len(known) == len(times) else None


@dataclass(frozen=True)
class Beside:
    """The log beside a release; `unknown_users` rows are left out of it."""

    logged: Logged
    unknown_users: int


def beside(log: Records[LoggedRow], pipeline: Pipeline, as_of: int) -> Beside:
    """What the release shows to each user of the log, as of one moment, at each place.

    Raises:
        UserError: no user of the log is known.
    """
    prepared = pipeline.prepared
    number_of_user = {user_id: n for n, user_id in enumerate(prepared.user_ids)}
    rows = [row for row in log if row.user_id in number_of_user]
    if not rows:
        raise UserError(
            "no user of the log is in the interactions",
            where=str(log.source),
            hint="Rank from the interactions that were known when the log was written.",
        )
    users, user = np.unique([number_of_user[row.user_id] for row in rows], return_inverse=True)
    position = np.array([row.position for row in rows], np.int64)
    shown = _shown(pipeline, users, as_of, int(position.max()))
    catalogue = prepared.catalogue.number
    # What is no longer in the catalogue is shown by no release.
    gone = len(catalogue)
    return Beside(
        Logged(
            user=user.astype(np.int64),
            item=np.array([catalogue.get(row.item_id, gone) for row in rows], np.int64),
            new=shown[user, position - 1],
            position=position,
            propensity=np.array([row.propensity for row in rows]),
            reward=np.array([row.reward for row in rows]),
        ),
        len(log) - len(rows),
    )


def _shown(pipeline: Pipeline, users: Ints, as_of: int, places: int) -> Ints:
    """[users, places] item numbers, -1 where there is none."""
    moments = np.full(len(users), as_of, np.int64)
    with progress("Ranking", len(users)) as advance:
        ranked = pipeline.rank(users, moments, places, with_reasons=False, advance=advance)
    return ranked.item.astype(np.int64)
