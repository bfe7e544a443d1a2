"""HTTP route: the experiment that runs, and what came of it until now."""

from __future__ import annotations

from time import monotonic
from typing import Any

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field

from apps.recommender.experiments.assignment import Arms
from apps.recommender.experiments.telling import ExperimentRow, row_of, tell
from apps.recommender.learning.store import EventStore
from common.storage.database import DATABASE_TROUBLE

KEPT_SECONDS = 60.0


class ExperimentAnswer(BaseModel):
    """The experiment that runs."""

    experiment: ExperimentRow | None = Field(description="None: none runs.")


def add_experiment(app: FastAPI, arms: Arms[Any], store: EventStore | None) -> None:
    """Add `GET /v1/experiment`, which counts anew once a minute.

    Args:
        store: where what is shown and done is kept, if anywhere.
    """
    counted: list[tuple[float, str, ExperimentRow]] = []

    @app.get("/v1/experiment", tags=["experiments"], summary="A release beside the one that serves")
    def experiment() -> ExperimentAnswer:
        running, serving_id = arms.experiment, arms.live.release_id
        if running is None or store is None or not running.periods(serving_id):
            return ExperimentAnswer(experiment=None)
        if counted and counted[0][1] == serving_id and monotonic() - counted[0][0] < KEPT_SECONDS:
            return ExperimentAnswer(experiment=counted[0][2])
        try:
            since, found = tell(running, serving_id, store, arms.live.current.behaviors)
        except DATABASE_TROUBLE:
            raise HTTPException(503, "The database does not answer; try again.") from None
        told = row_of(running, serving_id, since, found)
        counted[:] = [(monotonic(), serving_id, told)]
        return ExperimentAnswer(experiment=told)
