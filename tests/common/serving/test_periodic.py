from __future__ import annotations

import errno
import itertools
import threading

import pytest
from sqlalchemy.exc import IntegrityError, OperationalError

from common.serving.learning.periodic import Periodic


def test_what_waits_for_the_database_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    calls, enough = [], threading.Event()
    down = OperationalError("SELECT", {}, OSError("it is down"))
    trouble = itertools.cycle([down, OSError(errno.ENOSPC, "it is full")])

    def look() -> None:
        calls.append(1)
        if len(calls) < 4:
            raise next(trouble)
        if len(calls) > 4:
            enough.set()

    looking = Periodic("drift", look, 0.001)
    looking.start()
    assert enough.wait(20)
    looking.stop()
    first, last = caplog.messages
    assert first.startswith("drift waits: ") and "it is down" in first
    assert last == "drift goes on"


@pytest.mark.parametrize(
    "mistake", [IntegrityError("INSERT", {}, OSError("twice")), PermissionError("not yours")]
)
def test_a_mistake_is_logged_each_time(
    mistake: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    calls, enough = [], threading.Event()

    def look() -> None:
        calls.append(1)
        if len(calls) < 3:
            raise mistake
        enough.set()

    looking = Periodic("drift", look, 0.001)
    looking.start()
    assert enough.wait(20)
    looking.stop()
    assert caplog.messages == ["drift failed"] * 2
    assert all(record.exc_info for record in caplog.records)
