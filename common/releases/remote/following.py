"""A store whose current release is that of a place, in both directions."""

from __future__ import annotations

import fcntl
import multiprocessing
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from common.console import say
from common.errors import UserError
from common.files import read_json, write_atomically, write_json
from common.releases.registry import Registry
from common.releases.remote.fetching import fetch
from common.releases.remote.place import Place, UnreachableError, check_address
from common.releases.remote.pointer import Pointer, read_pointer
from common.releases.remote.publishing import OvertakenError, let_serve, publish

LOCK = ".following"
SEEN = "followed.json"
TROUBLE = "following-trouble"
# As long as what could not be taken is left alone, unless something else is published.
AGAIN_SECONDS = 3600.0


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
        self._refused: tuple[Pointer, float, Exception] | None = None

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

    def tell(self, trouble: str | None) -> None:
        """Let all processes of this store know of a trouble, or that it is over."""
        path = self._registry.root / TROUBLE
        # On a full disk this process knows alone.
        with suppress(OSError):
            if trouble is None:
                path.unlink(missing_ok=True)
            else:
                write_atomically(path, trouble)

    def told(self) -> str | None:
        """The trouble of whichever process follows."""
        try:
            return (self._registry.root / TROUBLE).read_text(encoding="utf-8") or None
        except (OSError, ValueError):
            return None

    def step(self, *, verify: bool = False) -> None:
        """Take what is new there, or bring there what is new here.

        What was damaged, or had no room, is taken no sooner than an hour later.

        Args:
            verify: see that what serves is here, and whole, and fetch it otherwise.

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
                where=f"{self._place.url}/{self._application}",
                hint=f"releases push --to {self._place.url}",
            )
        here = self._registry.current_id()
        is_served = here == pointer.release_id
        if here is None or pointer != self._seen() or (verify and is_served):
            self._try_to_take(self._place, pointer)
        elif not is_served:
            publish(self._place, self._application, self._registry.open(here))
            # What was decided there during the upload is newer; the next step takes it.
            with suppress(OvertakenError):
                self._remember(let_serve(self._place, self._application, here, after=pointer))

    def _try_to_take(self, place: Place, pointer: Pointer) -> None:
        if self._refused is not None:
            refused, until, why = self._refused
            if refused == pointer and time.monotonic() < until:
                raise why.with_traceback(None)
        try:
            self._take(place, pointer)
        except UnreachableError:
            raise
        except (UserError, OSError) as error:
            self._refused = pointer, time.monotonic() + AGAIN_SECONDS, error
            raise
        self._refused = None

    def _take(self, place: Place, pointer: Pointer) -> None:
        wanted = pointer.release_id
        fetch(place, self._registry, self._application, wanted, pointer.manifest)
        if self._registry.current_id() != wanted:
            if self._registry.previous_id() == wanted:
                self._registry.rollback()
            else:
                self._registry.promote(wanted)
        if self._registry.current_id() != wanted:
            # Somebody else promoted meanwhile: the next step sees to it.
            return
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
        follower.step(verify=True)
    except (UserError, OSError) as error:
        tell.send(str(error))
    else:
        tell.send(None)
