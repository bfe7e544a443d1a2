"""A lease: what only one may do at a time, across processes and machines."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from sqlalchemy import delete, select, update

from common.errors import UserError
from common.storage.database import DATABASE_TROUBLE, Database
from common.storage.tables import leases

# Whoever dies is given up after this long; the living renew in a third of it.
LEASE_SECONDS = 60.0
# States of a process that was killed, and whose parent does not know yet.
DEAD = {"Z", "X"}


@contextmanager
def lease(database: Database, name: str, *, seconds: float = LEASE_SECONDS) -> Iterator[None]:
    """Hold `name` for the length of a `with` block, renewed by a thread.

    Raises:
        UserError: another holds it, with who and until when.
    """
    holder = f"{_here()}:{os.getpid()}:{_started(os.getpid())}-{uuid4().hex[:8]}"
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
    with database.writing() as connection:
        found = connection.execute(select(leases).where(leases.c.name == name)).first()
        if found is None:
            new = {"name": name, **values}
            database.insert_new(connection, leases, [new])
        elif _is_given_up(found.holder, found.expires_at < now):
            known = (leases.c.name == name) & (leases.c.holder == found.holder)
            connection.execute(update(leases).where(known).values(values))
        holds = connection.execute(select(leases.c.holder).where(leases.c.name == name)).scalar()
    if holds != holder:
        who = str(holds).rpartition(":")[0].replace(f"{_here()}:", "process ")
        raise UserError(
            f"{name} is running already ({who})",
            hint=f"Wait until it ends; one that died elsewhere is given up within {seconds:.0f} s.",
        )


def _here() -> str:
    """This machine, and among its containers this one: where a process has its number."""
    namespace = Path("/proc/self/ns/pid")
    number = namespace.stat().st_ino if namespace.exists() else 0
    return f"{socket.gethostname()}/{number:x}"


def _is_given_up(holder: str, is_expired: bool) -> bool:
    """Whether a holder lets go: of this machine when it is dead, of another when its time is over.

    Here one that lives goes on holding, for its time may be over because the clock jumped.
    """
    place, number, rest = holder.rsplit(":", 2)
    if place != _here():
        return is_expired
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    status = _status(int(number))
    if status and status[0] in DEAD:
        return True
    then, dash, _ = rest.partition("-")
    # Another process may have its number by now; older versions do not say when it began.
    return then != status[19] if dash and then and status else is_expired


def _started(process: int) -> str:
    """When a process began, in ticks since the machine did; empty where that cannot be told."""
    status = _status(process)
    return status[19] if status else ""


def _status(process: int) -> list[str]:
    """The fields of proc(5)'s `stat`, from the third on; empty where they cannot be told."""
    try:
        # The name of the program may hold anything.
        status = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return status.rpartition(")")[2].split()


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
        except DATABASE_TROUBLE:
            # Two more tries before anybody else may take it.
            continue
