"""A PostgreSQL database that is gone for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from benchmarks.chaos.rounds import LeftOutError
from tests import databases


@contextmanager
def database() -> Iterator[str]:
    """The URL of an empty one, of the server that tests use.

    Raises:
        LeftOutError: PostgreSQL is not installed.
    """
    try:
        with databases.postgresql() as url:
            yield url
    except pytest.skip.Exception as error:
        raise LeftOutError(str(error)) from None


@contextmanager
def dropped(url: str) -> Iterator[None]:
    """Every connection to it is ended, and none is taken for the length of a `with` block."""
    import psycopg

    parts = urlsplit(url)
    name = parts.path.strip("/")
    with psycopg.connect(f"postgresql://{parts.netloc}/postgres", autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        try:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
            )
            yield
        finally:
            connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
