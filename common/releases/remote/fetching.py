"""A release brought from such a place: whole, as its manifest says, or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

from common.console import progress
from common.errors import UserError
from common.files import file_sha256, scratch
from common.releases.bases import bases_of, share_bases
from common.releases.pruning import GOING
from common.releases.registry import Registry
from common.releases.release import FORMAT, MANIFEST, open_release
from common.releases.remote.place import Place
from common.releases.remote.pointer import RELEASE_ID

# No name of a release begins with a dot.
FETCHING = ".fetching-"
# Of names alone; a release of the largest model has some dozens of files.
MOST_MANIFEST_BYTES = 16 << 20
MOST_FILES = 10_000


def fetch(
    place: Place, registry: Registry, application: str, release_id: str, digest: str | None
) -> Path:
    """Copy a release into a store, if it is not there.

    Its files go to a directory that nobody reads, are compared with the manifest, and get the
    release's name then. Files that another release here has are not copied again.

    Args:
        digest: SHA-256 of the manifest, where it is known.

    Raises:
        UserError: it is not there, is not what it says, would write outside its directory, or the
            place does not answer; or there is no room for it.
        OSError: a disk fails.
    """
    if not RELEASE_ID.fullmatch(release_id):
        raise UserError(f"no name of a release: {release_id!r}", where=place.url)
    final = registry.releases / release_id
    if _is_whole(final):
        return final
    there = f"{application}/releases/{release_id}"
    size = place.size(f"{there}/{MANIFEST}")
    if size is None:
        raise UserError(f"release {release_id!r} was not published", where=place.url)
    if size > MOST_MANIFEST_BYTES:
        raise UserError(f"a manifest of {size:,} bytes", where=place.url)
    data = place.read(f"{there}/{MANIFEST}") or b""
    files = _files_of(data, release_id, digest, where=f"{place.url}/{there}")
    with scratch(registry.releases, FETCHING) as folder:
        temporary = folder / "release"
        temporary.mkdir()
        _bring(place, there, files, _known(registry), temporary)
        (temporary / MANIFEST).write_bytes(data)
        share_bases(temporary, files, bases_of(registry.releases))
        _install(temporary, final)
    return final


def _bring(
    place: Place, there: str, files: Mapping[str, str], known: Mapping[str, Path], directory: Path
) -> None:
    """Link what is here, and copy the rest: each file is compared with its hash as it arrives."""
    left = []
    for name, expected in files.items():
        target = directory / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if not _link(known.get(expected), target, expected):
            left.append(name)
    _check_room(place, [f"{there}/{name}" for name in left], directory)
    with progress(f"Fetching {there.rpartition('/')[2]}", len(files)) as advance:
        advance(len(files) - len(left))
        for name in left:
            place.get(f"{there}/{name}", directory / name)
            if file_sha256(directory / name) != files[name]:
                raise UserError(
                    f"this release is not taken: {name} was changed",
                    where=f"{place.url}/{there}",
                    hint="Remove it there, then releases push ID --to URL where it is whole.",
                )
            advance(note=name)


def _check_room(place: Place, names: Iterable[str], directory: Path) -> None:
    needed = sum(place.size(name) or 0 for name in names)
    free = shutil.disk_usage(directory).free
    if needed > free:
        raise UserError(
            f"no room for a release: it takes {needed / 1e6:,.0f} MB, {free / 1e6:,.0f} are free",
            where=str(directory.parents[1]),
            hint="Old releases go by: releases prune.",
        )


def _is_whole(directory: Path) -> bool:
    if not directory.is_dir():
        return False
    try:
        open_release(directory)
    except UserError:
        return False
    return True


def _install(temporary: Path, final: Path) -> None:
    # A release that has its name is whole, also after a power failure.
    for path in (*temporary.rglob("*"), temporary):
        _sync(path)
    if final.is_dir():
        # Damaged, or it would have been taken: whoever has it open goes on with it.
        final.rename(final.with_name(f"{GOING}{final.name}-{os.getpid()}"))
    temporary.rename(final)
    _sync(final.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _files_of(data: bytes, release_id: str, digest: str | None, *, where: str) -> dict[str, str]:
    """Names and hashes in a manifest from elsewhere.

    Raises:
        UserError: it is not the manifest of this release, or names what does not belong there.
    """

    def refuse(what: str) -> UserError:
        return UserError(f"this release is not taken: {what}", where=where)

    if digest is not None and hashlib.sha256(data).hexdigest() != digest:
        raise refuse("its manifest is another one than was published")
    try:
        manifest: Any = json.loads(data)
    except ValueError:
        raise refuse("its manifest is not JSON") from None
    files = manifest.get("files") if isinstance(manifest, dict) else None
    if not isinstance(files, dict) or manifest.get("format") != FORMAT:
        raise refuse("a manifest of another format")
    if len(files) > MOST_FILES:
        raise refuse(f"it names {len(files):,} files")
    for name, value in files.items():
        inside = {str(parent) for parent in PurePosixPath(name).parents}
        if not is_below(name) or not isinstance(value, str) or inside & files.keys():
            raise refuse(f"it names a file {name!r}")
    # The directory is known by what it holds: another name would be another release's.
    content = hashlib.sha256(json.dumps(files).encode()).hexdigest()
    if manifest.get("release_id") != release_id or not release_id.endswith(f"-{content[:6]}"):
        raise refuse("its name is not that of its content")
    return files


def is_below(name: str) -> bool:
    """Whether a path that somebody else wrote stays in the directory that it is joined to."""
    path = PurePosixPath(name)
    is_plain = path.as_posix() == name and name.isprintable() and "\\" not in name
    return (
        is_plain
        and not path.is_absolute()
        and ".." not in path.parts
        and name not in {".", MANIFEST}
    )


def _known(registry: Registry) -> Mapping[str, Path]:
    """Where files lie here, by their SHA-256."""
    return {
        str(digest): release.directory / name
        for release in registry.all()
        for name, digest in release.manifest["files"].items()
    }


def _link(known: Path | None, target: Path, expected: str) -> bool:
    """Whether a file that is here serves as well; where it was changed, it does not."""
    with suppress(OSError):
        if known is not None and file_sha256(known) == expected:
            target.hardlink_to(known)
            return True
    return False
