"""Who is shown the lists of another release: a share of the users, by a salted hash of their id."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Generic, TypeVar

from apps.recommender.schema import ANONYMOUS
from common.files import read_json, write_json
from common.serving.switching.live import LiveRelease

EXPERIMENT = "experiment.json"

Loaded = TypeVar("Loaded")


@dataclass(frozen=True)
class Experiment:
    """A release beside the one that serves.

    Attributes:
        release_id: of the other one.
        share: of users, above 0 and below 1.
        began: seconds since 1970.
    """

    release_id: str
    share: float
    began: float

    def includes(self, subject: str) -> bool:
        """Whether a user, or a session, is shown the other release.

        The salt is the release: whoever was in one experiment is in the next one by chance. With a
        larger share, those of the smaller one stay.
        """
        digest = sha256(f"{self.release_id} {subject}".encode()).digest()
        return int.from_bytes(digest[:8], "big") < self.share * 2**64


def begin_experiment(
    root: Path, release_id: str, share: float, now: Callable[[], float] = time.time
) -> Experiment:
    """The experiment of these; one that is kept in `root` goes on from when it began."""
    kept = kept_experiment(root)
    if kept is not None and (kept.release_id, kept.share) == (release_id, share):
        return kept
    experiment = Experiment(release_id, share, now())
    root.mkdir(parents=True, exist_ok=True)
    write_json(root / EXPERIMENT, asdict(experiment))
    return experiment


def kept_experiment(root: Path) -> Experiment | None:
    """The latest one; None: there was none."""
    path = root / EXPERIMENT
    if not path.exists():
        return None
    kept: dict[str, Any] = read_json(path)
    return Experiment(**kept)


class Arms(Generic[Loaded]):
    """The release that serves, and beside it the other one of an experiment, if there is one."""

    def __init__(
        self,
        live: LiveRelease[Loaded],
        experiment: Experiment | None = None,
        other: LiveRelease[Loaded] | None = None,
    ) -> None:
        self.live = live
        self.experiment = experiment
        self.other = other

    def of(self, subject: str | None) -> LiveRelease[Loaded]:
        """Which of the two a user or a session is shown; None: nobody is known to ask."""
        if self.experiment is None or self.other is None or subject in {None, ANONYMOUS}:
            return self.live
        return self.other if self.experiment.includes(str(subject)) else self.live
