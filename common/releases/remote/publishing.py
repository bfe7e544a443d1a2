"""A release brought to a place where all machines find it."""

from __future__ import annotations

import hashlib

from common.console import Advance, progress
from common.errors import UserError
from common.files import file_sha256
from common.releases.release import MANIFEST, Release
from common.releases.remote.place import Place
from common.releases.remote.pointer import Pointer, new_pointer, read_pointer, write_pointer


class OvertakenError(UserError):
    """Another release was let serve there meanwhile."""


def publish(place: Place, application: str, release: Release) -> int:
    """Copy a release's files, the manifest last: without it nothing is a release.

    What is there in its full size stays, so that an upload that was cut off is gone on with, and
    what was deleted there is brought again.

    Returns:
        Bytes that were copied.

    Raises:
        UserError: the place does not answer.
    """
    last = _name(application, release.release_id, MANIFEST)
    manifest = (release.directory / MANIFEST).read_bytes()
    is_named = place.read(last) == manifest
    sizes = {name: (release.directory / name).stat().st_size for name in release.manifest["files"]}
    with progress(f"Publishing {release.release_id}", len(sizes) + 1) as advance:
        copied = sum(_put(place, application, release, *one, advance) for one in sizes.items())
        if not is_named:
            place.write(last, manifest)
        advance()
    return copied


def let_serve(
    place: Place, application: str, release_id: str, *, after: Pointer | None = None
) -> Pointer:
    """Let a release that was published serve everywhere.

    Args:
        after: only where this is still what serves.

    Raises:
        UserError: it was not published, or the place does not answer.
        OvertakenError: something else than `after` serves by now.
    """
    manifest = place.read(_name(application, release_id, MANIFEST))
    if manifest is None:
        raise UserError(
            f"release {release_id!r} was not published",
            where=place.url,
            hint=f"releases push {release_id} --to {place.url}",
        )
    digest = hashlib.sha256(manifest).hexdigest()
    before = read_pointer(place, application)
    if after not in (None, before):
        raise OvertakenError("another release was let serve there meanwhile", where=place.url)
    pointer = before.followed_by(release_id, digest) if before else new_pointer(release_id, digest)
    write_pointer(place, application, pointer)
    return pointer


def roll_back(place: Place, application: str) -> Pointer:
    """Let the release serve everywhere that served before.

    Raises:
        UserError: none did, or the place does not answer.
    """
    pointer = read_pointer(place, application)
    if pointer is None or not pointer.before:
        raise UserError("no earlier release to roll back to", where=place.url)
    return let_serve(place, application, pointer.before[-1])


def _put(
    place: Place, application: str, release: Release, name: str, size: int, advance: Advance
) -> int:
    target = _name(application, release.release_id, name)
    is_there = place.size(target) == size
    if not is_there:
        path = release.directory / name
        if file_sha256(path) != release.manifest["files"][name]:
            raise UserError(f"{name} was changed", where=str(release.directory))
        place.put(target, path)
    advance(note=name)
    return 0 if is_there else size


def _name(application: str, release_id: str, name: str) -> str:
    return f"{application}/releases/{release_id}/{name}"
