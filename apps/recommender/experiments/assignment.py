"""Who is shown the lists of another release: a share of the users, by a salted hash of their id."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Generic, TypeVar

from apps.recommender.schema import ANONYMOUS
from common.errors import UserError
from common.files import read_json, write_json
from common.serving.switching.live import LiveRelease

EXPERIMENT = "experiment.json"

logger = logging.getLogger(__name__)

Loaded = TypeVar("Loaded")


@dataclass(frozen=True)
class Run:
    """A time through which both releases were shown; seconds since 1970, `ended` None: it runs."""

    serving_id: str
    began: float
    ended: float | None = None


@dataclass(frozen=True)
class Experiment:
    """A release beside the one that serves.

    Attributes:
        release_id: of the other one.
        share: of users, above 0 and below 1.
        runs: oldest first.
    """

    release_id: str
    share: float
    runs: tuple[Run, ...] = ()

    def periods(self, serving_id: str) -> list[tuple[float, float]]:
        """When it was shown beside a release: from, to, seconds since 1970."""
        return [
            (run.began, math.inf if run.ended is None else run.ended)
            for run in self.runs
            if run.serving_id == serving_id
        ]

    def includes(self, subject: str) -> bool:
        """Whether a user, or a session, is shown the other release.

        The salt is the release: whoever was in one experiment is in the next one by chance. With a
        larger share, those of the smaller one stay.
        """
        digest = sha256(f"{self.release_id} {subject}".encode()).digest()
        return int.from_bytes(digest[:8], "big") < self.share * 2**64


def begin_experiment(
    root: Path,
    release_id: str,
    share: float,
    serving_id: str,
    now: Callable[[], float] = time.time,
) -> Experiment:
    """The experiment of these; one that is kept in `root` goes on, or runs again from now on."""
    experiment = kept_experiment(root)
    if experiment is None or (experiment.release_id, experiment.share) != (release_id, share):
        experiment = Experiment(release_id, share)
    last = experiment.runs[-1] if experiment.runs else None
    if last is not None and last.ended is None and last.serving_id == serving_id:
        return experiment
    at = now()
    runs = (*_ended(experiment.runs, at), Run(serving_id, at))
    return _keep(root, replace(experiment, runs=runs))


def end_experiment(root: Path, now: Callable[[], float] = time.time) -> Experiment | None:
    """What is shown from now on belongs to no experiment; the one kept in `root`, if any."""
    kept = kept_experiment(root)
    if kept is None or not kept.runs or kept.runs[-1].ended is not None:
        return kept
    return _keep(root, replace(kept, runs=_ended(kept.runs, now())))


def _ended(runs: tuple[Run, ...], at: float) -> tuple[Run, ...]:
    return tuple(run if run.ended is not None else replace(run, ended=at) for run in runs)


def _keep(root: Path, experiment: Experiment) -> Experiment:
    root.mkdir(parents=True, exist_ok=True)
    write_json(root / EXPERIMENT, asdict(experiment))
    return experiment


def kept_experiment(root: Path) -> Experiment | None:
    """The latest one; None: there was none."""
    path = root / EXPERIMENT
    if not path.exists():
        return None
    kept: dict[str, Any] = read_json(path)
    runs = tuple(Run(**run) for run in kept.get("runs", ()))
    return Experiment(kept["release_id"], kept["share"], runs)


class Arms(Generic[Loaded]):
    """The release that serves, and beside it the other one of an experiment, if there is one.

    When another one serves, the other is loaded again, with the data as it is then.

    Args:
        root: where the experiment is kept.
    """

    def __init__(
        self,
        live: LiveRelease[Loaded],
        experiment: Experiment | None = None,
        other: LiveRelease[Loaded] | None = None,
        root: Path | None = None,
    ) -> None:
        self.live = live
        self.experiment = experiment
        self.other = other
        self._root = root
        if experiment is not None and other is not None:
            # A process that is started later finds another release than its parent did.
            self._record()
            live.after.append(self._follow)

    @property
    def is_running(self) -> bool:
        """Whether two are shown: not while the compared one serves."""
        experiment = self.experiment
        return experiment is not None and experiment.release_id != self.live.release_id

    def of(self, subject: str | None) -> LiveRelease[Loaded]:
        """Which of the two a user or a session is shown; None: nobody is known to ask."""
        experiment, other = self.experiment, self.other
        if experiment is None or other is None or subject in {None, ANONYMOUS}:
            return self.live
        return other if self.is_running and experiment.includes(str(subject)) else self.live

    def _follow(self) -> None:
        """Go by the release that serves from now on."""
        try:
            self._record()
        except (OSError, UserError) as error:
            logger.error("the experiment cannot be kept: %s", error)
        if self.other is not None and self.is_running:
            self.other.reload()

    def _record(self) -> None:
        """Keep beside which release the other one is shown, if it is."""
        one, serving_id = self.experiment, self.live.release_id
        if one is None or self._root is None:
            return
        if self.is_running:
            self.experiment = begin_experiment(self._root, one.release_id, one.share, serving_id)
        else:
            end_experiment(self._root)
