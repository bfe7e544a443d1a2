"""`prices.csv` → a series of closes and volumes for each company."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from apps.finance_monitor.stories.companies import EntityList
from apps.finance_monitor.surges.keys import MARKET, company_key
from common.errors import UserError
from common.records.fields import Text
from common.records.reader import OnBadRow, read_records
from common.records.text import searchable

# What an index of the whole market is called.
MARKETS = {MARKET, "市场"}


def _day(value: object) -> object:
    # A spreadsheet writes midnight behind a date.
    return value.date() if isinstance(value, datetime) else value


class Price(BaseModel):
    """One row: the close of a day, adjusted for splits and dividends as you see fit."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    date: Annotated[date, BeforeValidator(_day)]
    key: Text = Field(description="A company by any of its names; `market` for an index.")
    close: float = Field(gt=0, allow_inf_nan=False)
    volume: float | None = Field(None, ge=0, allow_inf_nan=False)


@dataclass
class Series:
    """The trading days of one key, in their order."""

    days: list[date] = field(default_factory=list)
    closes: list[float] = field(default_factory=list)
    volumes: list[float | None] = field(default_factory=list)

    def at_or_after(self, day: date) -> int | None:
        """The place of the first trading day that is not before `day`; None after the last."""
        place = bisect_left(self.days, day)
        return place if place < len(self.days) else None

    def change(self, place: int, ahead: int) -> float | None:
        """The return from the close of a place to that of `ahead` days later, if there is one."""
        if place + ahead >= len(self.closes):
            return None
        return self.closes[place + ahead] / self.closes[place] - 1


def read_prices(
    path: Path, listed: EntityList | None = None, on_bad_row: OnBadRow = "fail"
) -> Mapping[str, Series]:
    """The series of a table, by key.

    Raises:
        UserError: a bad row, or a day that a key has twice.
    """
    rows = read_records(path, Price, on_bad_row=on_bad_row).items
    return _by_key(rows, listed, str(path))


def _by_key(rows: Iterable[Price], listed: EntityList | None, where: str) -> dict[str, Series]:
    found: dict[str, Series] = {}
    for row in sorted(rows, key=lambda one: one.date):
        name = (listed.named(row.key) if listed else None) or row.key
        key = MARKET if searchable(name) in MARKETS else company_key(name)
        series = found.setdefault(key, Series())
        if series.days and series.days[-1] == row.date:
            raise UserError(f"{name} has {row.date} twice", where=where)
        series.days.append(row.date)
        series.closes.append(row.close)
        series.volumes.append(row.volume)
    return found
