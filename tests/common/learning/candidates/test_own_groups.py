from __future__ import annotations

from dataclasses import dataclass

import pytest

from common.errors import UserError
from common.learning.candidates.groups import Grouping, require_column


@dataclass(frozen=True)
class Row:
    segment: str | None


GROUPING: Grouping[Row] = Grouping({"language": lambda one: ("English",)}, usual=("language",))


def test_a_column_of_the_users_own_is_read_as_the_segment() -> None:
    grouping, names, mapping = GROUPING.with_columns(
        "language,Region", ["text=body", "segment=old"]
    )
    assert names == ("language", "Region")
    assert (mapping, grouping.column) == (["text=body"], "Region")
    assert grouping.assign([Row("north"), Row(None)], names) == [
        ("English", "Region north"),
        ("English",),
    ]


def test_a_column_must_tell_of_the_records_that_are_grouped() -> None:
    grouping, _, _ = GROUPING.with_columns("language,Region", None)
    require_column(grouping, [Row(None), Row("north")])
    require_column(GROUPING, [Row(None)])
    require_column(None, [Row(None)])
    with pytest.raises(UserError, match="--by Region: no column 'Region'"):
        require_column(grouping, [Row(None)])


def test_known_names_leave_the_mapping_alone_and_two_columns_are_refused() -> None:
    grouping, names, mapping = GROUPING.with_columns("language", ["text=body"])
    assert (grouping, names, mapping) == (GROUPING, ("language",), ["text=body"])
    with pytest.raises(UserError, match="one column of your own"):
        GROUPING.with_columns("Region,Branch", None)
