"""Tables in PostgreSQL, brought to this version's shape."""

from __future__ import annotations

from apps.finance_monitor.state.backend import Backend
from apps.finance_monitor.state.connecting import SCHEMA
from apps.finance_monitor.state.tables import VERSIONS, fill_new
from common.errors import UserError

# Any number, the same in every process.
MIGRATES = 0x6D6F6E69746F73
KEEP = "INSERT INTO state VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET content = excluded.content"


def prepare(backend: Backend, *, leads: bool) -> None:
    """Make the tables, or change those of an older version.

    Args:
        leads: no other process watches, of an older version perhaps.

    Raises:
        UserError: a newer version wrote them; or an older one, and somebody else may lead.
    """
    version = _version(backend)
    if version == len(VERSIONS) and not leads:
        return
    if version and not leads:
        raise UserError(
            "kept by an older version",
            where=backend.where,
            hint="Start `watch` or `serve` of this one first: it changes the tables.",
        )
    with backend.transaction():
        backend.execute("SELECT pg_advisory_xact_lock(?)", (MIGRATES,))
        # Another process may have been faster.
        version = _version(backend)
        if version < len(VERSIONS):
            _upgrade(backend, version)
        fill_new(backend)


def _upgrade(backend: Backend, version: int) -> None:
    (found,) = backend.rows("SELECT to_regnamespace(?) AS schema", SCHEMA)
    # Where it was made by somebody else, this user need not be allowed to.
    if found["schema"] is None:
        backend.execute(f"CREATE SCHEMA {SCHEMA}")
    for statement in backend.sql.schema("".join(VERSIONS[version:])).split(";"):
        backend.execute(statement)
    backend.execute(KEEP, ("version", str(len(VERSIONS)).encode()))


def _version(backend: Backend) -> int:
    """Of the tables; 0: there are none.

    Raises:
        UserError: a newer version wrote them.
    """
    (found,) = backend.rows("SELECT to_regclass(?) AS tables", f"{SCHEMA}.state")
    if found["tables"] is None:
        return 0
    rows = backend.rows("SELECT content FROM state WHERE name = 'version'")
    version = int(rows[0]["content"]) if rows else 0
    if version > len(VERSIONS):
        raise UserError("written by a newer version", where=backend.where)
    return version
