"""Learning beside serving: a process of low priority, one at a time."""

from __future__ import annotations

import logging
import os
import subprocess
import threading
from collections.abc import Sequence
from typing import Literal

from common.errors import Exit

State = Literal["idle", "running", "failed", "refused"]

# Several corrections in a row are learned together.
GATHER_SECONDS = 0.5
LOWEST_PRIORITY = 19

logger = logging.getLogger(__name__)


class LearningProcess:
    """Runs a command each time something asked for it; asked meanwhile, once more after that.

    The next process is started before it is needed, so that whoever waits for it need not wait for
    it to load. How the last one ended shows in `state`; what it says goes to the log.

    Args:
        command: loads, and begins when it gets a line on stdin; ends where that is closed.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self.state: State = "idle"
        self._command = list(command)
        self._asked = threading.Event()
        self._stopping = threading.Event()
        self._process: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._run, name="learning", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._process = self._spawn()
        self._thread.start()

    def stop(self) -> None:
        """End, and what is running with it."""
        self._stopping.set()
        self._asked.set()
        if self._process is not None:
            self._process.terminate()
        self._thread.join()

    def request(self) -> None:
        """Ask for a run."""
        self._asked.set()

    def _run(self) -> None:
        while self._asked.wait() and not self._stopping.wait(GATHER_SECONDS):
            self._asked.clear()
            self.state = "running"
            self.state = self._run_once()
            if not self._stopping.is_set():
                self._process = self._spawn()
        if self._process is not None:
            self._process.communicate()

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
        os.setpriority(os.PRIO_PROCESS, process.pid, LOWEST_PRIORITY)
        return process

    def _run_once(self) -> State:
        assert self._process is not None
        _, said = self._process.communicate("\n")
        code = self._process.returncode
        if self._stopping.is_set() or code == Exit.DONE:
            logger.info("learned: %s", said.strip())
            return "idle"
        logger.warning("learning ended with %d: %s", code, said.strip())
        return "refused" if code == Exit.REFUSED else "failed"
