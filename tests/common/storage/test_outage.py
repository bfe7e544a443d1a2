from __future__ import annotations

import logging

import pytest

from common.storage.outage import Outage


def test_an_outage_is_told_when_it_begins_and_when_it_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    outage = Outage(logging.getLogger("any"), "it is down", "it is back")
    outage.ended()
    for number in range(3):
        outage.met(OSError(f"try {number}"))
    outage.ended()
    outage.ended()
    outage.met(OSError("again"))
    assert caplog.messages == ["it is down: try 0", "it is back", "it is down: again"]
