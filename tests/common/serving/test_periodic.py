from __future__ import annotations

import threading

import pytest

from common.serving.learning.periodic import Periodic


def test_what_waits_for_the_database_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    calls, enough = [], threading.Event()

    def look() -> None:
        calls.append(1)
        if len(calls) < 4:
            raise OSError("it is down")
        if len(calls) > 4:
            enough.set()

    looking = Periodic("drift", look, 0.001)
    looking.start()
    assert enough.wait(20)
    looking.stop()
    assert caplog.messages == ["drift waits: it is down", "drift goes on"]
