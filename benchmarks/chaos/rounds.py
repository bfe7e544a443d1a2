"""What a round is: something goes wrong on purpose, and a promise is looked at from outside."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


class BrokenError(Exception):
    """A promise that was not kept."""


class LeftOutError(Exception):
    """Why a fault cannot be made on this machine."""


@dataclass(frozen=True)
class Scene:
    """What all rounds share.

    Attributes:
        folder: for what rounds write.
        releases: a store with a small release of each application.
        files: the tables that the releases were made of.
    """

    folder: Path
    releases: Path
    files: Path

    def place(self, name: str) -> Path:
        """An empty folder that no other round has."""
        for number in range(10_000):
            place = self.folder / f"{name}-{number}"
            if not place.exists():
                place.mkdir(parents=True)
                return place
        raise AssertionError("too many rounds")


# Plays a fault against a target: what happened in each round, until a promise is broken.
Play = Callable[[Scene, random.Random], Iterator[dict[str, Any]]]


@dataclass(frozen=True)
class Round:
    """One round as it is kept.

    Attributes:
        seed: begins the play that it is of again, with `--only FAULT/TARGET`.
        what: what was done, and what came of it.
        broken: the promise that was not kept, if one was not.
    """

    fault: str
    target: str
    seed: int
    number: int
    seconds: float
    what: dict[str, Any]
    broken: str | None = None

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self), ensure_ascii=False)
