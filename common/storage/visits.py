"""How often a visitor asked, counted by all processes and machines of a database together."""

from __future__ import annotations

import logging
import time
from hashlib import sha256

from sqlalchemy import delete, func, insert, select

from common.storage.database import DATABASE_TROUBLE, Database
from common.storage.outage import Outage
from common.storage.tables import visits

WINDOW_SECONDS = 60.0

logger = logging.getLogger(__name__)


class Visits:
    """A moving window of a minute; what is older is forgotten."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._outage = Outage(logger, "visitors are not counted", "visitors are counted again")

    def wait(self, address: str, most: int) -> float:
        """Seconds until `address` may ask again; 0: it may now, and that is counted.

        Where the database is down everybody may: answers go on without it.
        """
        try:
            wait = self._wait(sha256(address.encode()).hexdigest()[:32], most, time.time())
        except DATABASE_TROUBLE as error:
            self._outage.met(error)
            return 0.0
        self._outage.ended()
        return wait

    def _wait(self, visitor: str, most: int, now: float) -> float:
        with self._database.writing() as connection:
            connection.execute(delete(visits).where(visits.c.at <= now - WINDOW_SECONDS))
            own = select(func.count(), func.min(visits.c.at)).where(visits.c.visitor == visitor)
            count, first = connection.execute(own).one()
            if count >= most:
                return float(first + WINDOW_SECONDS - now)
            connection.execute(insert(visits).values(visitor=visitor, at=now))
        return 0.0
