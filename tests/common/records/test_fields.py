"""Times as the records of every application hold them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from common.records.fields import Label, Time, Until


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
