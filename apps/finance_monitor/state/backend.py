"""What keeps the rows of a monitor, as the store sees it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, Self

from apps.finance_monitor.state.dialect import Dialect
from common.errors import RefusedError


class DeposedError(RefusedError):
    """Another process watches here by now: what this one holds in memory is of the past."""


class Row(Protocol):
    """Values by the names of their columns."""

    def keys(self) -> Iterable[str]:
        """The names."""
        ...

    def __getitem__(self, name: str, /) -> Any:
        """The value of a column."""
        ...


class Cursor(Protocol):
    """What a statement came to."""

    def fetchone(self) -> Any:
        """The next row; None: there is none."""
        ...

    def fetchall(self) -> list[Any]:
        """The rows that are left."""
        ...

    def __iter__(self) -> Iterator[Any]:
        """Over the rows that are left."""
        ...


class Backend(ABC):
    """Tables of this version, safe to use from several threads and several processes.

    Statements have `?` for each value, and say what both databases understand; `sql` spells what
    they do not.

    Attributes:
        where: the place, for people; without a password.
        trouble: what is raised while the database is down, full or read-only.
    """

    sql: Dialect
    where: str
    trouble: tuple[type[Exception], ...]

    @abstractmethod
    def transaction(self) -> AbstractContextManager[Self]:
        """All that is executed within it or nothing."""

    @abstractmethod
    def execute(self, query: str, values: Sequence[object] = ()) -> Cursor:
        """One statement, within a transaction."""

    @abstractmethod
    def executemany(self, query: str, rows: Iterable[Sequence[object]]) -> None:
        """The same statement for many rows, within a transaction."""

    @abstractmethod
    def rows(self, query: str, *values: object) -> list[Row]:
        """The rows of a query; within a transaction, as it has left them."""

    @abstractmethod
    def rows_beside(self, query: str, *values: object) -> list[Row]:
        """As `rows`, of a query that may take long: writing does not wait for it."""

    @abstractmethod
    def check(self) -> None:
        """See whether this process leads still, as far as is known.

        Raises:
            DeposedError: another process leads.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of it."""
