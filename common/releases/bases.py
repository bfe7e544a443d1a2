"""Weights of base models that releases with adapters share: kept once beside them in the store.

A release holds hard links to them: it is whole, its manifest vouches for them, and deleting
another release takes nothing from it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from common.files import file_sha256
from common.models.adapting.adapter import BASE


def bases_of(releases: Path) -> Path:
    """Where they are kept, for all applications of a store.

    Args:
        releases: the directory that holds all releases of one application.
    """
    return releases.parent.parent / "bases"


def share_bases(directory: Path, files: Mapping[str, str], bases: Path) -> None:
    """Let the bases in `directory` be those that are kept, or keep them.

    Where the file system has no links, each release goes on holding its own.

    Args:
        files: SHA-256 of each file below `directory`, by its path.
    """
    for name, digest in files.items():
        own = directory / name
        if own.parent.name != BASE or own.suffix != ".safetensors":
            continue
        kept = bases / f"{digest}.safetensors"
        bases.mkdir(parents=True, exist_ok=True)
        with suppress(OSError):
            if kept.exists() and file_sha256(kept) == digest:
                _link(kept, own)
            else:
                _link(own, kept)


def unused(bases: Path, going: Mapping[tuple[int, int], int]) -> Iterator[Path]:
    """Kept bases that no release holds.

    Args:
        going: how many releases that are about to go hold a file, by its device and inode.
    """
    for kept in bases.glob("*.safetensors"):
        found = kept.stat()
        if found.st_nlink - going.get((found.st_dev, found.st_ino), 0) == 1:
            yield kept


def _link(source: Path, target: Path) -> None:
    """A further name for `source`, in the place of what is there."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    os.link(source, temporary)
    # A rename onto another name of the same file does nothing, and leaves the first.
    temporary.replace(target)
    temporary.unlink(missing_ok=True)
