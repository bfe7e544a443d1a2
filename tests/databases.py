"""Real databases for tests: a SQLite file, and a PostgreSQL server of the test's own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

KINDS = ("sqlite", "postgresql")


def _programs() -> Path | None:
    found = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")))
    if path := shutil.which("initdb"):
        found.append(str(Path(path).parent))
    return Path(found[-1]) if found else None


@contextmanager
def postgresql() -> Iterator[str]:
    """The URL of an empty database; the server ends with the block."""
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
            yield f"postgresql://bizlm@127.0.0.1:{port}/postgres"
        finally:
            stop = [*control, "-m", "immediate", "stop"]
            _run(stop, folder)


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
