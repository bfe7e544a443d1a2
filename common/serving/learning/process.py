"""Learning beside serving: a process of low priority, one at a time."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

from common.errors import Exit
from common.releases.registry import Registry
from common.serving.learning.schedule import Schedule

State = Literal["idle", "running", "failed", "refused"]

# Several corrections in a row are learned together.
GATHER_SECONDS = 0.5
# A tenth of a busy processor: at the lowest, 19, a corrected answer would wait for minutes where
# customers ask without a pause.
LOW_PRIORITY = 10

logger = logging.getLogger(__name__)


class LearningProcess:
    """Runs a command by its schedule; asked meanwhile, once more after that.

    Where it learns at once, the next process is started before it is needed, with `--wait`: it
    loads, and begins at a line on stdin. How the last one ended shows in `state`; what it says goes
    to the log.
    """

    def __init__(self, command: Sequence[str], schedule: Schedule | None = None) -> None:
        self.state: State = "idle"
        self.schedule = schedule or Schedule()
        self._command = [*command, *(["--wait"] if self.schedule.at_once else [])]
        self._asked = threading.Event()
        self._stopping = threading.Event()
        self._process: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._run, name="learning", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        if self.schedule.at_once:
            self._process = self._spawn()
        self._thread.start()

    def stop(self) -> None:
        """End, and what is running with it."""
        self._stopping.set()
        self._asked.set()
        process = self._process
        if process is not None:
            process.terminate()
        self._thread.join()

    def request(self) -> None:
        """Ask for a run."""
        self._asked.set()

    def _run(self) -> None:
        while self._wait():
            self._asked.clear()
            self.state = "running"
            try:
                self.state = self._run_once()
                if self.schedule.at_once and not self._stopping.is_set():
                    self._process = self._spawn()
            except OSError as error:
                # No memory for it, or no process left: at another time there is.
                logger.error("learning could not begin: %s", error)
                self.state = "failed"
        if self._process is not None:
            self._process.communicate()

    def _wait(self) -> bool:
        """Until it is time to run; False: it is time to end."""
        self._asked.wait(self.schedule.seconds_from(datetime.now()))
        return not self._stopping.wait(GATHER_SECONDS)

    def _spawn(self) -> subprocess.Popen[str]:
        # One thread: it must not spin against those that answer.
        environment = os.environ | {"OMP_NUM_THREADS": "1", "BIZLM_LOG": "text"}
        process = subprocess.Popen(
            self._command,
            env=environment,
            stdin=subprocess.PIPE,
            # Its results name what customers asked, which is not for the log.
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        os.setpriority(os.PRIO_PROCESS, process.pid, LOW_PRIORITY)
        return process

    def _run_once(self) -> State:
        if self._process is None:
            self._process = self._spawn()
        _, said = self._process.communicate("\n")
        code = self._process.returncode
        self._process = None
        if self._stopping.is_set() or code == Exit.DONE:
            logger.info("learned: %s", said.strip())
            return "idle"
        logger.warning("learning ended with %d: %s", code, said.strip())
        return "refused" if code == Exit.REFUSED else "failed"


def learning_process(
    registry: Registry,
    application: str,
    database: str | Path,
    schedule: Schedule | None,
    files: Sequence[str] = (),
) -> LearningProcess | None:
    """What learns for an application and promotes what passes the gate; without a schedule, none.

    Args:
        files: further options of `learn`.
    """
    if schedule is None:
        return None
    verb = [sys.executable, "-m", f"apps.{application}", "learn", "--promote", *files]
    store = registry.root.parent
    return LearningProcess([*verb, "--store", str(store), "--database", str(database)], schedule)
