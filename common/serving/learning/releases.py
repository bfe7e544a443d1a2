"""HTTP routes: the line of releases, and which one serves."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from pydantic import BaseModel, ConfigDict

from common.errors import UserError
from common.learning.watching.probation import Outcomes, Probation
from common.records.fields import Text
from common.releases.registry import Registry
from common.releases.release import Release
from common.serving.auditing.changes import note
from common.serving.auditing.recording import write
from common.serving.learning.drift import DriftMonitor, DriftRows
from common.serving.learning.periodic import Periodic
from common.serving.speakers import Speakers
from common.storage.audit_log import AuditLog, Change

PROBATION_SECONDS = 30.0

logger = logging.getLogger(__name__)


class Measured(BaseModel):
    """One figure of a candidate beside the release it came from, with its 95 % interval."""

    before: float
    after: float
    low: float
    high: float
    records: int


class Shadowed(BaseModel):
    """Of how many texts that came in of late how large a share is seen as before."""

    asked: int
    same: float


class LearnedFrom(BaseModel):
    """What a release learned from what people said or did."""

    taken: int
    left_out: dict[str, int]
    golden: Measured
    new: Measured | None = None
    shadow: Shadowed | None = None
    verdict: str


class ReleaseRow(BaseModel):
    """One release."""

    release_id: str
    created: str
    parent: str | None
    base_model: str
    figures: dict[str, float]
    learned: LearnedFrom | None
    withdrawn: str | None


class ReleaseRows(BaseModel):
    """All releases, oldest first; `figures` are the names that they are compared by."""

    current: str | None
    previous: str | None
    figures: list[str]
    releases: list[ReleaseRow]
    drift: DriftRows | None = None


class Promotion(BaseModel):
    """Body of `POST /v1/releases/promotions`."""

    model_config = ConfigDict(extra="forbid")

    release_id: Text


class NowServing(BaseModel):
    """The release that serves from now on."""

    release_id: str


def add_releases(
    app: FastAPI,
    registry: Registry,
    speakers: Speakers,
    figures: Sequence[str],
    drift: DriftMonitor[Any] | None = None,
) -> None:
    """Add `GET /v1/releases`, and promoting and rolling back, for those who are trusted.

    Args:
        figures: names of what releases are compared by, the first one first.
        drift: of the release that serves, if it is watched for.
    """

    @app.get("/v1/releases", tags=["releases"], summary="All releases, oldest first")
    def releases(request: Request) -> ReleaseRows:
        speakers.require_trust(request)
        withdrawn = registry.withdrawn()
        return ReleaseRows(
            current=registry.current_id(),
            previous=registry.previous_id(),
            figures=list(figures),
            releases=[_row(one, figures, withdrawn) for one in registry.all()],
            drift=DriftRows.model_validate(drift.state) if drift else None,
        )

    @app.post("/v1/releases/promotions", tags=["releases"], summary="Let a release serve")
    def promote(wanted: Promotion, request: Request) -> NowServing:
        speakers.require_trust(request)
        before = registry.current_id()
        try:
            found = NowServing(release_id=registry.promote(wanted.release_id).release_id)
        except UserError as error:
            raise HTTPException(422, str(error)) from None
        note(request, before=before, after=found.release_id)
        return found

    @app.post("/v1/releases/rollbacks", tags=["releases"], summary="Let the one before serve")
    def rollback(request: Request) -> NowServing:
        speakers.require_trust(request)
        before = registry.current_id()
        try:
            found = NowServing(release_id=registry.rollback().release_id)
        except UserError as error:
            raise HTTPException(422, str(error)) from None
        note(request, before=before, after=found.release_id)
        return found


def watch_probation(registry: Registry, outcomes: Outcomes, log: AuditLog) -> Periodic:
    """What withdraws a release that learned and does worse; to be started and stopped."""
    probation = Probation(registry, outcomes)

    def once() -> None:
        before = registry.current_id() or ""
        if why := probation.check(time.time()):
            logger.warning("the release was withdrawn: %s", why)
            after = registry.current_id() or ""
            write(log, Change("the server", "release.withdrawn", before, before, after))

    return Periodic("probation", once, PROBATION_SECONDS)


def _row(release: Release, figures: Sequence[str], withdrawn: dict[str, str]) -> ReleaseRow:
    manifest: dict[str, Any] = release.manifest
    after = manifest.get("after", {})
    learned = manifest.get("learned")
    return ReleaseRow(
        release_id=release.release_id,
        created=manifest["created"],
        parent=manifest.get("parent"),
        base_model=str(manifest.get("base_model", "")),
        figures={name: after[name] for name in figures if name in after},
        learned=LearnedFrom.model_validate(learned) if learned else None,
        withdrawn=withdrawn.get(release.release_id),
    )
