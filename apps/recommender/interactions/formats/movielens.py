"""MovieLens: ratings.csv, movies.csv, tags.csv."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from apps.recommender.interactions.formats.tables import Tables, as_items, existing_file, scan_csv

YEAR = re.compile(r"\((\d{4})\)\s*$")


def read_movielens(source: Path, tags_before: datetime | None = None) -> Tables:
    """A film that was rated is one that was seen, a click, and keeps its rating.

    A rating below the middle of the scale is taken for a dislike where the files are read. Genres
    are tags, the year is an age.
    """
    import polars as pl

    ratings = scan_csv(
        existing_file(source, "ratings.csv"), ("userId", "movieId", "rating", "timestamp")
    )
    movies = scan_csv(existing_file(source, "movies.csv"), ("movieId", "title", "genres")).collect()
    said: dict[str, list[str]] = {}
    if tags_before:
        columns = ("movieId", "tag", "timestamp")
        earlier = pl.col("timestamp").cast(pl.Int64) < int(tags_before.timestamp())
        tags = scan_csv(existing_file(source, "tags.csv"), columns).filter(earlier).collect()
        for movie, tag in tags.select("movieId", pl.col("tag").str.to_lowercase()).iter_rows():
            said.setdefault(movie, []).append(tag)

    def films() -> Iterator[dict[str, Any]]:
        for movie, title, genres in movies.select("movieId", "title", "genres").iter_rows():
            named = [] if genres.startswith("(") else genres.split("|")
            year = YEAR.search(title)
            yield {
                "item_id": movie,
                "title": title,
                "tags": list(dict.fromkeys([*named, *said.get(movie, [])])),
                "created_at": datetime(int(year[1]), 1, 1, tzinfo=UTC) if year else None,
                "language": "en",
            }

    return Tables(
        ratings.select(
            user_id="userId",
            item_id="movieId",
            behavior=pl.lit("click"),
            timestamp="timestamp",
            rating="rating",
        ),
        as_items(source / "movies.csv", films()),
    )
