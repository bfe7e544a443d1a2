"""Times as the records of every application hold them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from common.errors import reason_of
from common.records.fields import CalendarTime, Label, Since, Time, Until


def test_a_date_holds_to_its_end_and_the_last_one_for_good() -> None:
    until = TypeAdapter(Until)
    assert until.validate_python("2026-03-10") == datetime(2026, 3, 11, tzinfo=UTC)
    assert until.validate_python("9999-12-31") == datetime.max.replace(tzinfo=UTC)


def test_a_number_of_400_digits_is_no_time() -> None:
    with pytest.raises(ValidationError, match="so many digits"):
        TypeAdapter(Time).validate_python(10**400)


def test_a_label_is_read_without_the_spaces_around_it() -> None:
    label = TypeAdapter(Label)
    assert [label.validate_python(cell) for cell in (" card ", " ", None)] == ["card", None, None]


@pytest.mark.parametrize("value", [46054, "46054", 46054.5])
@pytest.mark.parametrize("kind", [CalendarTime, Since, Until])
def test_a_day_as_a_spreadsheet_counts_it_is_no_second_of_1970(kind: object, value: object) -> None:
    with pytest.raises(ValidationError, match="looks like 2026-02-01"):
        TypeAdapter(kind).validate_python(value)


@pytest.mark.parametrize("value", ["01.02.2026", "2026-02-01T09:30:00"])
def test_how_a_time_is_written_is_said(value: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(Time).validate_python(value)
    assert reason_of(caught.value.errors()[0]).endswith("written as 2026-02-01T09:30:00+08:00")
