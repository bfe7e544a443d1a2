from __future__ import annotations

import pytest

from common.records.pictures.lines import Line, in_order, joined


def line(text: str, top: float, left: float = 0, height: float = 20) -> Line:
    return Line(text, 0.9, left, top, left + 100, top + height)


def test_rows_are_read_from_the_left() -> None:
    lines = [line("b", 2, left=200), line("c", 30), line("a", 0)]
    assert [one.text for one in in_order(lines)] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        ([line("where is", 0), line("my card", 24)], "where is my card"),
        ([line("我的卡", 0), line("丢了", 24)], "我的卡丢了"),
        ([line("订单号", 0), line("待付款", 0, left=200)], "订单号 待付款"),
        ([line("余额", 0), line("RMB", 24)], "余额 RMB"),
        ([line("Dear bank,", 0), line("where is it?", 60)], "Dear bank,\nwhere is it?"),
        ([], ""),
    ],
)
def test_lines_are_joined_as_they_are_read(lines: list[Line], text: str) -> None:
    assert joined(in_order(lines)) == text
