"""A store whose current release is that of a place, in both directions."""

from __future__ import annotations

import fcntl
import multiprocessing
import threading
import time
from pathlib import Path
from typing import IO, Any

from common.console import say
from common.errors import UserError
from common.files import read_json, write_json
from common.releases.registry import Registry
from common.releases.remote.fetching import fetch
from common.releases.remote.place import Place, check_address
from common.releases.remote.pointer import Pointer, read_pointer
from common.releases.remote.publishing import let_serve, publish

LOCK = ".following"
SEEN = "followed.json"


class Follower:
    """What serves at a place serves here, and what is promoted here serves there.

    What was published last wins where both changed since the last look. Of all processes that
    share a store one follows, as long as it lives.

    Args:
        registry: the releases of one application on this machine.
        stopping: ends a transfer that is under way.
    """

    def __init__(
        self, registry: Registry, url: str, stopping: threading.Event | None = None
    ) -> None:
        self.url = check_address(url)
        self._registry = registry
        self._application = registry.root.name
        self._stopping = stopping or threading.Event()
        self._place: Place | None = None
        self._lock: IO[str] | None = None

    def follows(self) -> bool:
        """Whether it is this process that follows, as of now."""
        if self._lock is None:
            self._registry.root.mkdir(parents=True, exist_ok=True)
            file = (self._registry.root / LOCK).open("w")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                file.close()
                return False
            self._lock = file
        return True

    def leave(self) -> None:
        """Let another process follow."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def step(self) -> None:
        """Take what is new there, or bring there what is new here.

        Raises:
            UserError: the place does not answer, nothing was published yet, or what was is damaged.
            OSError: a disk fails.
            StoppedError: the process ends.
        """
        if self._place is None:
            self._place = Place(self.url, self._stopping)
        pointer = read_pointer(self._place, self._application)
        if pointer is None:
            raise UserError(
                "no release was published there yet",
                where=f"{self.url}/{self._application}",
                hint=f"releases push --to {self.url}",
            )
        here = self._registry.current_id()
        if pointer != self._seen():
            self._take(self._place, pointer)
        elif here is not None and here != pointer.release_id:
            publish(self._place, self._application, self._registry.open(here))
            self._remember(let_serve(self._place, self._application, here))

    def _take(self, place: Place, pointer: Pointer) -> None:
        wanted = pointer.release_id
        fetch(place, self._registry, self._application, wanted, pointer.manifest)
        if self._registry.current_id() != wanted:
            if self._registry.previous_id() == wanted:
                self._registry.rollback()
            else:
                self._registry.promote(wanted)
        self._remember(pointer)

    def _seen(self) -> Pointer | None:
        """What was taken last, or brought; None: nothing, or at another place."""
        try:
            found = read_json(self._registry.root / SEEN)
            return Pointer(**found["pointer"]) if found["url"] == self.url else None
        except (UserError, KeyError, TypeError, ValueError):
            return None

    def _remember(self, pointer: Pointer) -> None:
        found = {"url": self.url, "pointer": pointer.model_dump(mode="json")}
        write_json(self._registry.root / SEEN, found)


def begin_following(registry: Registry, url: str) -> None:
    """Serve from the first answer on what serves there; where it cannot be had, what is here.

    It is done in a process of its own: who forks workers afterwards must have no threads.

    Raises:
        UserError: it cannot be had, and nothing is here.
    """
    check_address(url)
    apart = multiprocessing.get_context("fork")
    told, tell = apart.Pipe(duplex=False)
    process = apart.Process(target=_first, args=(registry.root, url, tell))
    process.start()
    tell.close()
    try:
        trouble = told.recv()
    except EOFError:
        trouble = "the process that fetches releases ended early"
    process.join()
    if trouble is None:
        return
    here = registry.current_id()
    if here is None:
        raise UserError(trouble)
    say(f"Warning: {trouble}")
    say(f"Serving what is here meanwhile: {here}")


def _first(root: Path, url: str, tell: Any) -> None:
    registry = Registry(root.parent, root.name)
    follower = Follower(registry, url)
    try:
        while not follower.follows():
            # Another server of this store follows; it may still be fetching.
            if registry.current_id() is not None:
                tell.send(None)
                return
            time.sleep(0.2)
        follower.step()
    except (UserError, OSError) as error:
        tell.send(str(error))
    else:
        tell.send(None)
