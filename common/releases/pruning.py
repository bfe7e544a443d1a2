"""Old releases go, and the room that they take."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from common.releases.bases import bases_of, unused
from common.releases.hold import nobody_reads
from common.releases.registry import Registry

# No name of a release begins with a dot: what a killed run leaves looks like none.
GOING = ".pruned-"


@dataclass(frozen=True)
class Pruned:
    """Which releases went, how many bytes that freed, and which stay because they are in use."""

    release_ids: list[str]
    freed: int
    in_use: list[str]


def prune(
    registry: Registry, keep: int, *, learned_only: bool = False, dry_run: bool = False
) -> Pruned:
    """Delete all releases but the newest, and those that are needed.

    Needed are the one that serves, the one that `rollback` would let serve, and the ones that
    these two learned further from: they are what a release on probation is judged by and gives
    way to. Whoever opened a release, see `Registry.open`, keeps it from going.

    Args:
        keep: how many of the newest stay.
        learned_only: only those that `learn` made go, and only they are counted.
        dry_run: delete nothing.
    """
    if not dry_run:
        _clear(registry)
    every = registry.all()
    parents = {one.release_id: one.manifest.get("parent") for one in every}
    found = [one for one in every if not learned_only or "learned" in one.manifest]
    gone: list[str] = []
    in_use: list[str] = []
    files: list[os.stat_result] = []
    for release in found[: max(len(found) - keep, 0)]:
        with nobody_reads(release.directory) as is_free:
            # Looked at under the lock: none is promoted meanwhile, or deleted by somebody else.
            served = {registry.current_id(), registry.previous_id()}
            needed = served | {parents.get(str(name)) for name in served}
            if release.release_id in needed or not release.directory.is_dir():
                continue
            if not is_free:
                in_use.append(release.release_id)
                continue
            gone.append(release.release_id)
            every_file = release.directory.rglob("*")
            files += [path.stat() for path in every_file if path.is_file()]
            if not dry_run:
                hidden = release.directory.with_name(f"{GOING}{release.release_id}")
                release.directory.rename(hidden)
    room = _room(files) + _drop_bases(registry, files, dry_run=dry_run)
    return Pruned(gone, room, in_use)


def _drop_bases(registry: Registry, files: Sequence[os.stat_result], *, dry_run: bool) -> int:
    """Bytes of the bases that no release holds any more."""
    going = Counter((file.st_dev, file.st_ino) for file in files)
    bases = list(unused(bases_of(registry.releases), going))
    freed = sum(base.stat().st_size for base in bases)
    if not dry_run:
        for base in bases:
            base.unlink(missing_ok=True)
        _clear(registry)
    return freed


def _clear(registry: Registry) -> None:
    for directory in registry.releases.glob(f"{GOING}*"):
        # What somebody else deletes at the same time is gone as well.
        shutil.rmtree(directory, ignore_errors=True)


def _room(files: Sequence[os.stat_result]) -> int:
    """Bytes that no other file shares: releases that learned link to unchanged weights."""
    names = Counter((file.st_dev, file.st_ino) for file in files)
    known = {(file.st_dev, file.st_ino): file for file in files}
    return sum(file.st_size for key, file in known.items() if names[key] >= file.st_nlink)
