"""From the log of events to the outcome of the experiment that is kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, Field

from apps.recommender.experiments.assignment import Experiment, kept_experiment
from apps.recommender.experiments.outcome import TAKEN, OfUser, Outcome, outcomes
from apps.recommender.interactions.behaviors import Behaviors
from apps.recommender.learning.disliking import Disliking
from apps.recommender.learning.store import EventStore
from common.errors import UserError


class ArmRow(BaseModel):
    """What one release was shown and taken: `rate` is taken / shown, `takers` the users."""

    release_id: str
    users: int
    takers: int
    shown: int
    taken: int
    rate: float


class OutcomeRow(BaseModel):
    """One behaviour under both releases; `taken` is any but dislikes and low ratings."""

    behavior: str
    serving: ArmRow
    other: ArmRow
    difference: float | None = Field(description="Other minus serving; None: too few users.")
    low: float | None
    high: float | None
    is_shown: bool = Field(description="Whether the 95 % interval leaves out zero.")


class ExperimentRow(BaseModel):
    """A release beside the one that serves, and what came of it."""

    release_id: str
    serving_id: str
    share: float
    since: datetime = Field(description="The beginning of the first time that counts.")
    outcomes: list[OutcomeRow]


def tell(
    experiment: Experiment, serving_id: str, store: EventStore, behaviors: Behaviors
) -> tuple[float, list[Outcome]]:
    """What came of an experiment until now: from when on, and the outcomes, any behaviour first.

    What counts was shown while both were; dislikes and low ratings are no taking.

    Raises:
        UserError: it did not run beside the release that serves.
    """
    ids = (serving_id, experiment.release_id)
    periods = find_periods(experiment, serving_id)
    disliking = Disliking.of(store.counts(), store.ratings(), behaviors)
    rows: dict[str, dict[str, OfUser]] = {one: {} for one in ids}
    for release_id, user_id, shown in store.shown_by(ids, periods):
        # What is told of a list is told later: another release may serve by then.
        is_of_arm = experiment.includes(user_id) == (release_id == experiment.release_id)
        if is_of_arm:
            rows[release_id][user_id] = OfUser(user_id, shown, {})
    for by_name in (False, True):
        found = store.taken_by(ids, periods, disliking, by_name=by_name)
        for release_id, user_id, name, count in found:
            if one := rows[release_id].get(user_id):
                taken = dict(one.taken) | {name or TAKEN: count}
                rows[release_id][user_id] = OfUser(user_id, one.shown, taken)
    serving, other = ([*rows[one].values()] for one in ids)
    return periods[0][0], outcomes(serving_id, serving, experiment.release_id, other)


def find_periods(experiment: Experiment, serving_id: str) -> list[tuple[float, float]]:
    """When it was shown beside a release: from, to, seconds since 1970.

    Raises:
        UserError: at no time.
    """
    periods = experiment.periods(serving_id)
    if not periods:
        raise UserError(
            f"{experiment.release_id} was not shown beside {serving_id}",
            hint=f"Begin: serve --compare {experiment.release_id}",
        )
    return periods


def row_of(
    experiment: Experiment, serving_id: str, since: float, found: Sequence[Outcome]
) -> ExperimentRow:
    """The same as a page and `--json` have it."""
    return ExperimentRow(
        release_id=experiment.release_id,
        serving_id=serving_id,
        share=experiment.share,
        since=datetime.fromtimestamp(since, UTC),
        outcomes=[
            OutcomeRow(
                behavior=one.behavior,
                serving=ArmRow(**vars(one.serving)),
                other=ArmRow(**vars(one.other)),
                difference=one.difference,
                low=one.low,
                high=one.high,
                is_shown=one.is_shown,
            )
            for one in found
        ],
    )


def find_experiment(root: Path, serving_id: str) -> Experiment:
    """The experiment that is kept in `root`.

    Raises:
        UserError: there is none, or its release serves by now.
    """
    experiment = kept_experiment(root)
    if experiment is None:
        raise UserError("there was no experiment", hint="Begin one: serve --compare RELEASE")
    if experiment.release_id == serving_id:
        raise UserError(
            f"{serving_id} was compared and serves by now", hint="Compare another release with it."
        )
    return experiment
