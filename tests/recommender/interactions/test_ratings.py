"""What is taken for a scale of ratings."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from apps.recommender.data import Sources, read_dataset
from apps.recommender.interactions.ratings import scale_of


@pytest.mark.parametrize(
    ("ratings", "middle"),
    [([1, 2, 4, 5, None], 3), ([1] * 15 + [5], 3), ([*range(40)], None), ([], None)],
)
def test_a_scale_has_its_middle_between_its_ends(
    ratings: list[float | None], middle: float | None
) -> None:
    found = scale_of(pl.Series(ratings, dtype=pl.Float64))
    assert (found.middle, found.odd) == (middle, 0)


def test_an_odd_rating_makes_no_dislikes_of_all_others() -> None:
    found = scale_of(pl.Series([4.0, 5, 3, 1] * 10 + [1000]))
    assert (found.middle, found.odd) == (None, 1)
    assert found.weight(1) > 0


def test_odd_ratings_are_told(tmp_path: Path) -> None:
    items, done = tmp_path / "items.csv", tmp_path / "done.csv"
    items.write_text("item_id,title\na,A lamp\nb,A chair\n", encoding="utf-8")
    rows = [f"u{n},{'ab'[n % 2]},click,{n + 1},{50 if n == 7 else n % 5 + 1}" for n in range(40)]
    head = "user_id,item_id,behavior,timestamp,rating"
    done.write_text("\n".join([head, *rows]), encoding="utf-8")
    found = {one.code: one for one in read_dataset(Sources([done], [items])).audit.findings}
    assert (found["odd_ratings"].count, found["odd_ratings"].examples) == (1, ["50"])
