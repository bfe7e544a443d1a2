"""HTTP route: the experiment that runs, and what came of it until now."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field

from apps.recommender.experiments.assignment import Arms
from apps.recommender.experiments.telling import ExperimentRow, row_of, tell
from apps.recommender.learning.store import EventStore
from common.storage.database import DATABASE_TROUBLE


class ExperimentAnswer(BaseModel):
    """The experiment that runs."""

    experiment: ExperimentRow | None = Field(description="None: none runs.")


def add_experiment(app: FastAPI, arms: Arms[Any], store: EventStore | None) -> None:
    """Add `GET /v1/experiment`.

    Args:
        store: where what is shown and done is kept, if anywhere.
    """

    @app.get("/v1/experiment", tags=["experiments"], summary="A release beside the one that serves")
    def experiment() -> ExperimentAnswer:
        running, serving_id = arms.experiment, arms.live.release_id
        if running is None or store is None or running.release_id == serving_id:
            return ExperimentAnswer(experiment=None)
        try:
            since, found = tell(running, serving_id, store, arms.live.current.behaviors)
        except DATABASE_TROUBLE:
            raise HTTPException(503, "The database does not answer; try again.") from None
        return ExperimentAnswer(experiment=row_of(running, serving_id, since, found))
