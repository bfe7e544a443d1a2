"""Spans of time as people write them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from common.durations import parse_period, retry_after
from common.errors import UserError


@pytest.mark.parametrize(
    ("wording", "days"), [("36525d", 36_525), ("1 week", 7), ("12h", 0.5), ("0", 0)]
)
def test_a_span_is_read(wording: str, days: float) -> None:
    assert parse_period(wording) == timedelta(days=days)


@pytest.mark.parametrize("wording", ["36526d", "99999999999d", f"{'9' * 400}d"])
def test_what_no_date_can_be_moved_by_is_told(wording: str) -> None:
    with pytest.raises(UserError, match="longer than a hundred years"):
        parse_period(wording)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        ("Thu, 01 Jan 1970 00:10:00 GMT", 500.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("", 0.0),
        ("soon", 0.0),
        ("Thu, 99 Jan 99999 00:00:00 GMT", 0.0),
    ],
)
def test_how_long_somebody_asks_to_wait_is_read(header: str, seconds: float) -> None:
    assert retry_after(header, 100.0) == seconds
