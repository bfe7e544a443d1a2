"""What feeds a GPU: the same batches in the same order, made and fetched at other moments."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from common.models.prediction import made_ahead, one_behind


def test_what_is_made_ahead_comes_in_order_and_is_not_made_too_early() -> None:
    made: list[int] = []

    def make(number: int) -> int:
        made.append(number)
        return number * 10

    found = made_ahead(make, range(6), ahead=2)
    assert next(found) == 0
    assert len(made) <= 3
    assert [*found] == [10, 20, 30, 40, 50]
    assert made == [0, 1, 2, 3, 4, 5]


def test_what_fails_while_it_is_made_is_told() -> None:
    with pytest.raises(ZeroDivisionError):
        list(made_ahead(lambda number: 1 // number, [1, 0, 2], ahead=2))


def test_each_is_given_once_the_next_has_begun() -> None:
    begun: list[int] = []

    def begin() -> Iterator[int]:
        for number in range(3):
            begun.append(number)
            yield number

    found = one_behind(begin())
    assert next(found) == 0
    assert begun == [0, 1]
    assert [*found] == [1, 2]
