from __future__ import annotations

from datetime import datetime

import pytest

from common.errors import UserError
from common.serving.learning.schedule import parse_schedule


def test_at_once_waits_until_it_is_asked() -> None:
    schedule = parse_schedule("at-once")
    assert schedule is not None
    assert schedule.at_once
    assert schedule.seconds_from(datetime(2026, 5, 1, 12)) is None
    assert parse_schedule(None) is None


@pytest.mark.parametrize(
    ("now", "hours"), [((2026, 5, 1, 12), 15), ((2026, 5, 1, 3), 24), ((2026, 5, 1, 2), 1)]
)
def test_nightly_waits_until_the_next_night(now: tuple[int, ...], hours: float) -> None:
    schedule = parse_schedule("nightly")
    assert schedule is not None
    assert not schedule.at_once
    assert schedule.seconds_from(datetime(*now)) == 3600 * hours  # type: ignore[arg-type]


def test_a_period_is_waited_for() -> None:
    schedule = parse_schedule("6h")
    assert schedule is not None
    assert schedule.seconds_from(datetime(2026, 5, 1)) == 6 * 3600


def test_anything_else_says_what_would_do() -> None:
    with pytest.raises(UserError, match="not a time to learn at"):
        parse_schedule("sometimes")
