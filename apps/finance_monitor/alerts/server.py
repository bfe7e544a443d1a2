"""HTTP routes: what people do about alerts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from fastapi import FastAPI, HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field

from apps.finance_monitor.alerts import operations
from apps.finance_monitor.alerts.operations import Case, Silence, Verdict
from apps.finance_monitor.store import Store
from common.errors import UserError
from common.records.fields import Text
from common.serving.auditing.changes import note


class By(BaseModel):
    """Who does it."""

    model_config = ConfigDict(extra="forbid")

    by: Text


class VerdictRequest(By):
    """Whether it was right to alert, and why."""

    verdict: Verdict
    reason: str = Field("", max_length=1000)


class SilenceRequest(By):
    """Silence `key`, a topic, a company or `*`, for so many hours."""

    key: Text
    hours: float = Field(24.0, gt=0, le=24 * 365)
    comment: str = ""


def add_casework(app: FastAPI, store: Store, touch: Callable[[], None]) -> None:
    """Add the routes; `touch` tells whoever looks at a page that there is something new."""

    @app.post("/v1/alerts/{alert_id}/acknowledge", tags=["alerts"], summary="Acknowledge an alert")
    def acknowledge(alert_id: str, asked: By) -> Case:
        return _found(lambda: operations.acknowledge(store, alert_id, asked.by))

    @app.post("/v1/alerts/{alert_id}/resolve", tags=["alerts"], summary="Resolve an alert")
    def resolve(alert_id: str, asked: By) -> Case:
        return _found(lambda: operations.resolve(store, alert_id, asked.by))

    @app.post("/v1/alerts/{alert_id}/verdict", tags=["alerts"], summary="Real, or a false alarm")
    def verdict(alert_id: str, asked: VerdictRequest, request: Request) -> Case:
        note(request, after=asked.verdict)
        return _found(
            lambda: operations.judge(store, alert_id, asked.verdict, asked.by, asked.reason)
        )

    @app.post("/v1/silences", tags=["alerts"], summary="Silence a key for a while")
    def silence(asked: SilenceRequest, request: Request) -> Silence:
        note(request, about=asked.key, after=f"for {asked.hours:g} hours")
        lasting = timedelta(hours=asked.hours)
        made = operations.silence(store, asked.key, lasting, asked.by, asked.comment)
        touch()
        return made

    def _found(act: Callable[[], Case]) -> Case:
        try:
            case = act()
        except UserError as error:
            raise HTTPException(404, str(error)) from None
        touch()
        return case
