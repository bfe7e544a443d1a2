"""What is computed by the way leaves no thread behind."""

from __future__ import annotations

import threading

import pytest

from common.models.devices import in_own_thread


def test_it_runs_in_a_thread_that_ends_with_it() -> None:
    ran = in_own_thread(threading.current_thread)
    assert ran is not threading.current_thread()
    assert not ran.is_alive()


def test_what_fails_there_fails_here() -> None:
    with pytest.raises(ZeroDivisionError):
        in_own_thread(lambda: 1 / 0)
