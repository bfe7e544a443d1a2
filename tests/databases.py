"""Real databases for tests: a SQLite file, and one of a PostgreSQL server of this process."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from uuid import uuid4

import pytest

KINDS = ("sqlite", "postgresql")
# Closed when the tests of this process end.
servers = ExitStack()


def _programs() -> Path | None:
    found = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")))
    if path := shutil.which("initdb"):
        found.append(str(Path(path).parent))
    return Path(found[-1]) if found else None


def content(folder: Path) -> bytes:
    """All that a SQLite database in a folder says on disk, what waits to be moved into it too."""
    return b"".join(path.read_bytes() for path in sorted(folder.glob("bizlm.sqlite*")))


@contextmanager
def postgresql() -> Iterator[str]:
    """The URL of an empty database, which is gone after the block."""
    import psycopg

    server, name = _server(), f"test_{uuid4().hex}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield f"{server}/{name}"
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@cache
def _server() -> str:
    """The URL of a server, which is started when it is first asked for."""
    return servers.enter_context(_started())


@contextmanager
def _started() -> Iterator[str]:
    programs = _programs()
    if programs is None:
        pytest.skip("needs PostgreSQL's initdb and postgres")
    # It will not run as root.
    as_other = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    with tempfile.TemporaryDirectory(prefix="bizlm-pg-") as folder:
        if as_other:
            shutil.chown(folder, "postgres")
        data = Path(folder) / "data"
        make = [programs / "initdb", "-D", data, "-U", "bizlm", "-A", "trust", "--no-sync"]
        _run([*as_other, *map(str, make)], folder)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c fsync=off -k {folder}"
        control = [*as_other, str(programs / "pg_ctl"), "-D", str(data), "-w"]
        start = [*control, "-o", options, "-l", f"{folder}/log", "start"]
        _run(start, folder)
        try:
            yield f"postgresql://bizlm@127.0.0.1:{port}"
        finally:
            _run([*control, "-m", "immediate", "stop"], folder)


def _run(command: list[str], folder: str) -> None:
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True, cwd=folder)


@contextmanager
def empty(kind: str, folder: Path) -> Iterator[str]:
    """The URL of an empty database of a kind."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'bizlm.sqlite'}"
    else:
        with postgresql() as url:
            yield url
