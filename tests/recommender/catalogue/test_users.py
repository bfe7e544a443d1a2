from __future__ import annotations

import numpy as np
import pytest

from apps.recommender.catalogue.users import UserFeatures, user_features
from apps.recommender.schema import User


def _read(**columns: list[object]) -> UserFeatures:
    rows = [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
    users = [User(user_id=str(n), **row) for n, row in enumerate(rows)]
    return user_features(users, {str(n): n for n in range(len(users))})


def test_a_word_stands_for_what_it_did_in_training_whoever_else_is_in_the_file() -> None:
    trained = _read(city=["London", "Paris"])
    later = _read(city=["Berlin", "London", "Paris", None])
    found = later.aligned(trained.names, trained.words)
    np.testing.assert_array_equal(found.values[:, 0], [np.nan, 0, 1, np.nan])
    of_some = _read(city=["Paris"]).aligned(trained.names, trained.words)
    assert of_some.values.tolist() == [[1]]
    assert found.aligned(trained.names, trained.words) is found


def test_numbers_among_words_stay_what_they_were() -> None:
    trained = _read(tier=["1", "A", "2.7"])
    later = _read(tier=["2.7", "1", "3"]).aligned(trained.names, trained.words)
    by_word = dict(zip(["1", "A", "2.7"], trained.values[:, 0], strict=True))
    np.testing.assert_array_equal(later.values[:, 0], [by_word["2.7"], by_word["1"], np.nan])
    numbers = _read(tier=[3, 4])
    mixed = _read(tier=["4", "unknown"]).aligned(numbers.names, numbers.words)
    np.testing.assert_array_equal(mixed.values[:, 0], [4, np.nan])


def test_columns_come_in_the_order_of_training_and_missing_ones_are_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    trained = _read(age=[30], city=["Ulm"])
    found = _read(city=["Ulm"], shoes=[44]).aligned(trained.names, trained.words)
    np.testing.assert_array_equal(found.values, [[np.nan, 0]])
    told = capsys.readouterr().err
    assert "lack: age" in told
    assert "ignored: shoes" in told


def test_a_release_of_before_takes_values_as_they_are() -> None:
    found = _read(city=["London", "Paris"])
    assert found.aligned(["city"]) is found


def test_what_is_no_finite_number_is_not_known() -> None:
    found = _read(age=["inf", "1e39", "-Infinity", "nan", "30"])
    np.testing.assert_array_equal(found.values[:, 0], [np.nan] * 4 + [30])
    assert not found.words
