"""What a run is, and what of it is done: a journal while it runs, a manifest when it has ended."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from apps.recommender.job.shards import TEMPORARY, Shard, ShardFile, split_users, sync
from common.console import say
from common.errors import UserError
from common.files import file_sha256, read_json, write_atomically, write_json

MANIFEST, JOURNAL, SUCCESS, LOCK = "_manifest.json", "_journal.jsonl", "_SUCCESS", "_lock"
# Another version of one of these may give other bytes.
LIBRARIES = ("bizlm", "lightgbm", "numpy", "pyarrow", "scipy", "torch")
DIFFERENCES_SHOWN = 5


@dataclass(frozen=True)
class JobPlan:
    """One run: where it writes, and all that decides what it writes.

    Attributes:
        directory: for this run alone; made where it does not exist.
        users: how many there are; they are known by their numbers.
        shard_size: users a shard.
        inputs: SHA-256 by the name of each input.
        settings: whatever else changes a row; JSON values.
        scored_at: the moment that is predicted for, the same in every row.
    """

    directory: Path
    users: int
    shard_size: int
    model_id: str
    inputs: Mapping[str, str]
    settings: Mapping[str, Any]
    scored_at: datetime

    @property
    def shards(self) -> list[Shard]:
        """All shards, by number."""
        return split_users(self.users, self.shard_size)

    @property
    def identity(self) -> dict[str, Any]:
        """What two runs must share to write the same bytes, as JSON values."""
        identity = {
            "model_id": self.model_id,
            "scored_at": self.scored_at.astimezone(UTC).isoformat(),
            "users": self.users,
            "shard_size": self.shard_size,
            "inputs": dict(self.inputs),
            "settings": dict(self.settings),
            "libraries": {library: version(library) for library in LIBRARIES},
        }
        return dict(json.loads(json.dumps(identity, sort_keys=True, default=str)))


class Journal:
    """Finished shards, a line each, on disk before the next is counted; holds none of them."""

    def __init__(self, plan: JobPlan, finished: Iterable[ShardFile]) -> None:
        path = plan.directory / JOURNAL
        write_atomically(path, _line({"run": plan.identity}) + "".join(map(_entry, finished)))
        sync(plan.directory)
        self._file = path.open("a", encoding="utf-8")

    def add(self, written: ShardFile) -> None:
        """Count a shard as finished."""
        self._file.write(_entry(written))
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Let the file go."""
        self._file.close()


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) + "\n"


def _entry(written: ShardFile) -> str:
    return _line(asdict(written))


def refuse_foreign(directory: Path) -> None:
    """Leave a directory alone that a run did not make.

    Raises:
        UserError: it holds something, but neither a journal nor a manifest.
    """
    ours = {LOCK, TEMPORARY, SUCCESS}
    names = {path.name for path in directory.iterdir()}
    others = sorted(n for n in names - ours if not (n.startswith(".") and n.endswith(".tmp")))
    if others and not names & {JOURNAL, MANIFEST}:
        raise UserError(
            f"is not empty: {', '.join(others[:3])}",
            where=str(directory),
            hint="Use an empty or a new directory.",
        )


def read_finished(plan: JobPlan) -> list[ShardFile]:
    """The shards that an earlier start of this run says it finished; not yet verified.

    Raises:
        UserError: the directory holds another run.
    """
    journal, manifest = plan.directory / JOURNAL, plan.directory / MANIFEST
    if journal.exists():
        first, *entries = _complete_lines(journal) or [{"run": plan.identity}]
        identity = first["run"]
    elif manifest.exists():
        kept = read_json(manifest)
        identity, entries = kept.get("run"), kept.get("shards", [])
    else:
        return []
    if identity != plan.identity:
        differences = list(_differences(identity, plan.identity))
        more = len(differences) - DIFFERENCES_SHOWN
        shown = differences[:DIFFERENCES_SHOWN] + [f"and {more} more"] * (more > 0)
        raise UserError(
            "holds another run:\n  " + "\n  ".join(shown),
            where=str(plan.directory),
            hint="Use another directory, or remove this one.",
        )
    return [ShardFile(**entry) for entry in entries]


def _complete_lines(path: Path) -> list[Any]:
    """Its lines as JSON objects, up to one that was cut off when the machine stopped."""
    values = []
    for number, line in enumerate(path.read_bytes().split(b"\n")[:-1], 1):
        try:
            value = json.loads(line)
            if number == 1:
                value["run"]
            else:
                ShardFile(**value)
        except (ValueError, TypeError, KeyError):
            say(f"{path}:{number}: damaged; the shards that it named are scored again")
            break
        values.append(value)
    return values


def _differences(old: Any, new: Any, name: str = "") -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            yield from _differences(old.get(key), new.get(key), f"{name}.{key}" if name else key)
    elif old != new:
        yield f"{name}: {old} there, {new} now"


def is_intact(directory: Path, file: ShardFile) -> bool:
    """Whether a shard's file is there with the bytes that were written, and as many rows."""
    path = directory / file.path
    return (
        path.is_file()
        and path.stat().st_size == file.bytes
        and file_sha256(path) == file.sha256
        and pq.read_metadata(path).num_rows == file.rows
    )


def clear_temporary(directory: Path) -> None:
    """Remove what was being written when an earlier start was killed."""
    shutil.rmtree(directory / TEMPORARY, ignore_errors=True)
    for left in directory.glob(".*.tmp"):
        left.unlink()


def finish(plan: JobPlan, finished: Mapping[int, ShardFile]) -> None:
    """Write the manifest, clear what only the run needed, and say `_SUCCESS` last of all."""
    directory = plan.directory
    files = [finished[number] for number in sorted(finished)]
    manifest = {
        "run": plan.identity,
        "rows": sum(file.rows for file in files),
        "shards": [asdict(file) for file in files],
    }
    write_json(directory / MANIFEST, manifest)
    sync(directory)
    (directory / JOURNAL).unlink(missing_ok=True)
    clear_temporary(directory)
    digest = hashlib.sha256((directory / MANIFEST).read_bytes()).hexdigest()
    write_atomically(directory / SUCCESS, digest + "\n")
    sync(directory)
