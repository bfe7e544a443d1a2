"""The commands of docs/operations.md bring a store back as it was."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from processes import ROOT
from sqlalchemy import select

from common.releases.registry import Registry
from common.releases.release import write_release
from common.storage.database import DATABASE, Database
from common.storage.tables import leases

GUIDE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


def follow(name: str, store: Path, backup: Path) -> None:
    [block] = re.findall(rf"<!-- {name} -->\n```sh\n(.*?)```", GUIDE, re.S)
    known = {"STORE": str(store), "BACKUP": str(backup)}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    subprocess.run(["sh", "-euc", block], check=True, env={**os.environ, **known, "PATH": path})


def test_a_store_comes_back_with_its_releases_and_what_was_written_last(tmp_path: Path) -> None:
    store, backup, restored = (tmp_path / name for name in ("var", "backup", "restored"))
    registry = Registry(store, "test")

    def fill(directory: Path) -> None:
        (directory / "weights").write_text("w", encoding="utf-8")

    release = write_release(registry.releases, fill, {"application": "test"})
    registry.promote(release.release_id)
    (registry.root / "training").mkdir()
    database = Database(store / DATABASE)
    row = {"name": "a", "holder": "b", "expires_at": 1.0}
    with database.writing() as connection:
        database.insert_new(connection, leases, [row])
    # Still open, and what was written last is in the log beside the file.
    follow("backup", store, backup)
    database.close()
    follow("restore", restored, backup)

    again = Registry(restored, "test")
    assert again.open().release_id == release.release_id
    assert not (again.root / "training").exists()
    with Database(restored / DATABASE).reading() as connection:
        assert [one._asdict() for one in connection.execute(select(leases))] == [row]
