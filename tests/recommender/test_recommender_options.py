from __future__ import annotations

import pytest

from apps.recommender.options_cli import parse_moment
from common.errors import UserError


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59-08:00", "0001-01-01T00:00:00+08:00", "soon"])
def test_a_moment_that_no_clock_shows_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="not a date or time"):
        parse_moment(text, "--as-of")


def test_a_moment_without_a_zone_is_in_utc() -> None:
    assert parse_moment("2026-06-01", "--as-of") == 1_780_272_000
    assert parse_moment("2026-06-01T08:00:00+08:00", "--as-of") == 1_780_272_000
