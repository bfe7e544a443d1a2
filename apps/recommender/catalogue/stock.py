"""What a shop says is to be had, in a file that is read again whenever it changes."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from apps.recommender.catalogue.items import Catalogue
from apps.recommender.schema import Record
from common.errors import UserError
from common.records.fields import Text
from common.records.reader import read_records
from common.serving.learning.periodic import Periodic
from common.serving.settling import Settling

# A change of the file is seen within twice this time.
POLL_SECONDS = 0.5

logger = logging.getLogger(__name__)


class StockRow(Record):
    """How many there are of an item, or whether it can be had."""

    item_id: Text
    stock: float | None = Field(None, allow_inf_nan=False)
    available: bool | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.stock is None and self.available is None:
            raise ValueError("give stock or available")
        return self

    @property
    def is_there(self) -> bool:
        """Whether it can be had."""
        return self.available is not False and (self.stock is None or self.stock > 0)


@dataclass(frozen=True)
class Stock:
    """Item id → whether it can be had; of an item that is not named, the catalogue says."""

    there: Mapping[str, bool]

    def available(self, catalogue: Catalogue) -> NDArray[np.bool_]:
        """[items], which can be had."""
        found = catalogue.available.copy()
        known = [(catalogue.number[name], is_there) for name, is_there in self._of(catalogue)]
        if known:
            number, there = zip(*known, strict=True)
            found[list(number)] = there
        return found

    def unknown(self, catalogue: Catalogue) -> int:
        """How many of the items the catalogue lacks."""
        return len(self.there) - len(self._of(catalogue))

    def _of(self, catalogue: Catalogue) -> list[tuple[str, bool]]:
        return [pair for pair in self.there.items() if pair[0] in catalogue.number]


def read_stock(path: Path) -> Stock:
    """The stock of a file: `item_id` with `stock`, `available` or both.

    Raises:
        UserError: the file is missing, a row is bad, or an item has two.
    """
    there: dict[str, bool] = {}
    for row in read_records(path, StockRow):
        if row.item_id in there:
            raise UserError(
                f"{path}: two rows are about the item {row.item_id!r}", hint="Keep one of them."
            )
        there[row.item_id] = row.is_there
    return Stock(there)


class LiveStock:
    """The stock as its file says now: read again once a change of it has settled.

    A version that cannot be read is refused, and what was read before stays.

    Raises:
        UserError: at the start, as `read_stock`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._refused: str | None = None
        self._settling = Settling()
        with suppress(OSError):
            self._settling.are_to_read([path])
        self._stock = read_stock(path)
        self._settling.done()
        self._periodic = Periodic("stock-watch", self.refresh, POLL_SECONDS)

    @property
    def current(self) -> Stock:
        """What the file says; another object whenever it was read again."""
        return self._stock

    @property
    def refused(self) -> str | None:
        """What is wrong with the file as it is now; None: nothing."""
        return self._refused

    def start(self) -> None:
        """Begin to watch."""
        self._periodic.start()

    def stop(self) -> None:
        """End the watch."""
        self._periodic.stop()

    def refresh(self) -> None:
        """Read the file again if it has changed, and is not being written."""
        try:
            if not self._settling.are_to_read([self._path]):
                return
            self._settling.done()
            self._stock, self._refused = read_stock(self._path), None
        except (UserError, OSError) as error:
            if str(error) != self._refused:
                logger.error("the new stock is refused, the old one stays: %s", error)
            self._refused = str(error)
            if isinstance(error, OSError):
                # It may be read again at any time, and looks the same then.
                self._settling.again()
        else:
            logger.warning("stock read again: %s, %d items", self._path, len(self._stock.there))
