"""A lease: what only one may do at a time, across processes and machines."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError, OperationalError

from common.errors import UserError
from common.storage.database import Database
from common.storage.tables import leases

# Whoever dies is given up after this long; the living renew in a third of it.
LEASE_SECONDS = 60.0


@contextmanager
def lease(database: Database, name: str, *, seconds: float = LEASE_SECONDS) -> Iterator[None]:
    """Hold `name` for the length of a `with` block, renewed by a thread.

    Raises:
        UserError: another holds it, with who and until when.
    """
    holder = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"
    _take(database, name, holder, seconds)
    over = threading.Event()
    renewing = threading.Thread(
        target=_renew, args=(database, name, holder, seconds, over), daemon=True
    )
    renewing.start()
    try:
        yield
    finally:
        over.set()
        renewing.join()
        own = (leases.c.name == name) & (leases.c.holder == holder)
        with database.writing() as connection:
            connection.execute(delete(leases).where(own))


def _take(database: Database, name: str, holder: str, seconds: float) -> None:
    now = time.time()
    values = {"holder": holder, "expires_at": now + seconds}
    try:
        with database.writing() as connection:
            expired = (leases.c.name == name) & (leases.c.expires_at < now)
            if connection.execute(update(leases).where(expired).values(values)).rowcount:
                return
            connection.execute(insert(leases).values(name=name, **values))
    except IntegrityError:
        with database.reading() as connection:
            found = connection.execute(select(leases).where(leases.c.name == name)).first()
        who = f" ({found.holder.rpartition(':')[0]})" if found else ""
        raise UserError(
            f"{name} is running already{who}",
            hint=f"Wait until it ends; one that died is given up within {seconds:.0f} s.",
        ) from None


def _renew(
    database: Database, name: str, holder: str, seconds: float, over: threading.Event
) -> None:
    own = (leases.c.name == name) & (leases.c.holder == holder)
    while not over.wait(seconds / 3):
        try:
            with database.writing() as connection:
                connection.execute(
                    update(leases).where(own).values(expires_at=time.time() + seconds)
                )
        except OperationalError:
            # Two more tries before anybody else may take it.
            continue
