"""The release that serves, replaced while requests are answered."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial
from typing import Generic, TypeVar

from common.errors import UserError
from common.models.devices import in_own_thread
from common.releases.registry import Registry
from common.releases.release import Release

Loaded = TypeVar("Loaded")

# A promotion is seen within this time.
POLL_SECONDS = 1.0


class LiveRelease(Generic[Loaded]):
    """Holds the loaded release; a thread watches for a promotion and loads the new one beside it.

    Whoever took `current` before goes on with it to the end. A promoted release that cannot be
    loaded is refused, and the old one goes on serving; what serves is not pruned.

    Args:
        release_id: serve this one, whatever is promoted.

    Attributes:
        after: called in the watching thread once another release serves.
    """

    def __init__(
        self,
        registry: Registry,
        load: Callable[[Release], Loaded],
        *,
        release_id: str | None = None,
    ) -> None:
        self._registry = registry
        self._load_here = load
        self._refused: str | None = None
        self._is_chosen = release_id is not None
        self.after: list[Callable[[], None]] = []
        release = registry.open(release_id)
        self._current = (release, self._load(release))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="release-watch", daemon=True)

    def _load(self, release: Release) -> Loaded:
        return in_own_thread(partial(self._load_here, release))

    @property
    def release_id(self) -> str:
        """Id of the release that serves."""
        return self._current[0].release_id

    @property
    def refused(self) -> str | None:
        """Id of a promoted release that could not be loaded, while it is the promoted one."""
        return self._refused

    @property
    def current(self) -> Loaded:
        """What `load` made of the release that serves."""
        return self._current[1]

    def start(self) -> None:
        """Begin to watch."""
        if not self._is_chosen:
            self._thread.start()

    def stop(self) -> None:
        """End the watch."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def reload(self) -> None:
        """Load the same release anew, such as with later data; if that fails, the old one stays."""
        release = self._current[0]
        try:
            self._current = (release, self._load(release))
        except Exception as error:
            logging.getLogger(__name__).error(
                "release %s stays as it was: %s",
                release.release_id,
                error,
                exc_info=not isinstance(error, UserError | OSError),
            )

    def refresh(self) -> None:
        """Load the promoted release if it is another one."""
        promoted = self._registry.current_id()
        if promoted in {None, self.release_id}:
            self._refused = None
            return
        if promoted == self._refused:
            return
        try:
            release = self._registry.open(promoted)
            self._current = (release, self._load(release))
            self._refused = None
        except Exception as error:
            # Whatever is wrong with it: the thread lives on for the next one.
            trace = not isinstance(error, UserError | OSError)
            logging.getLogger(__name__).error(
                "release %s is refused: %s", promoted, error, exc_info=trace
            )
            # Whoever sees it finds the reason in the log.
            self._refused = promoted
        else:
            logging.getLogger(__name__).info("now serving release %s", promoted)
            for follow in self.after:
                try:
                    follow()
                except Exception:
                    logging.getLogger(__name__).exception("release %s is not followed", promoted)

    def _watch(self) -> None:
        while not self._stop.wait(POLL_SECONDS):
            self.refresh()
