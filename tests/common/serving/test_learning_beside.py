"""Learning beside serving: a process at a time, and what becomes of one that cannot begin."""

from __future__ import annotations

import errno
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from common.serving.learning import process
from common.serving.learning.process import LearningProcess
from common.serving.learning.schedule import Schedule


def test_a_process_that_could_not_begin_is_begun_when_it_is_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, eventually: Callable[..., None]
) -> None:
    def no_room(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr(process, "GATHER_SECONDS", 0.01)
    learned = tmp_path / "learned"
    code = f"open({str(learned)!r}, 'w').close()"
    learner = LearningProcess([sys.executable, "-c", code], Schedule(timedelta(days=1)))
    with monkeypatch.context() as full:
        full.setattr(subprocess, "Popen", no_room)
        learner.start()
        learner.request()
        eventually(lambda: learner.state == "failed")
    learner.request()
    eventually(learned.exists)
    learner.stop()
