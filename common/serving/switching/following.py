"""Releases of all machines, followed beside serving."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Iterator
from typing import Any

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from common.errors import UserError
from common.releases.registry import Registry
from common.releases.remote.following import Follower
from common.releases.remote.place import StoppedError
from common.storage.outage import Outage

# Machines that begin together do not ask together.
POLL_SECONDS = (1.0, 3.0)
# A store that is down is asked less often, and what is damaged is not fetched again and again.
MOST_SECONDS = 30.0
# As long as a store that does not answer may keep us.
PATIENCE_SECONDS = 10.0
# Characters of it that `/readyz` shows.
MOST_TROUBLE = 300

logger = logging.getLogger(__name__)


class Following(Collector):
    """A thread that follows a place, and its trouble, as `/readyz` and `/metrics` tell it."""

    def __init__(self, registry: Registry, url: str) -> None:
        self._own: str | None = None
        self._stop = threading.Event()
        self._follower = Follower(registry, url, self._stop)
        self._outage = Outage(
            logger,
            "releases cannot be followed, what serves goes on",
            "releases are followed again",
        )
        self._thread = threading.Thread(target=self._run, name="release-follow", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def stop(self) -> None:
        """End; a transfer that is under way is given up."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(PATIENCE_SECONDS)

    @property
    def trouble(self) -> str | None:
        """Of this process, or of another one that follows for this store."""
        return self._own or self._follower.told()

    @property
    def reasons(self) -> dict[str, Any]:
        """For `/readyz`: nothing where all is well."""
        trouble = self.trouble
        return {"releases_from": trouble} if trouble else {}

    def collect(self) -> Iterator[Metric]:
        """Whether it is in trouble, for Prometheus."""
        yield GaugeMetricFamily(
            "bizlm_releases_unfollowed",
            "1: the place that releases come from does not answer, or holds a damaged one",
            value=float(self.trouble is not None),
        )

    def _run(self) -> None:
        pause = 0.0
        while not self._stop.wait(max(random.uniform(*POLL_SECONDS), pause)):
            # Of several workers one follows, and tells.
            if not self._follower.follows():
                continue
            pause = min(2 * pause + 1, MOST_SECONDS) if self._is_troubled() else 0.0
        self._follower.leave()

    def _is_troubled(self) -> bool:
        try:
            self._follower.step()
        except StoppedError:
            return False
        except Exception as error:
            # Whatever is wrong with it: the thread lives on for what is published next.
            if self._own is None and not isinstance(error, UserError | OSError):
                logger.exception("following releases failed")
            self._tell(str(error).partition("\n")[0][:MOST_TROUBLE])
            self._outage.met(error)
            return True
        self._tell(None)
        self._outage.ended()
        return False

    def _tell(self, trouble: str | None) -> None:
        # What an earlier process left is corrected as well.
        if trouble != self._follower.told():
            self._follower.tell(trouble)
        self._own = trouble
