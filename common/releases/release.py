"""A release: everything needed to answer, in one directory named by its content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.files import directory_hashes, read_json, scratch, write_json
from common.releases.bases import bases_of, share_bases
from common.releases.hold import Hold

MANIFEST = "manifest.json"
REPORT = "report.html"
FORMAT = 1
LIBRARIES = ("torch", "transformers", "tokenizers", "peft", "faiss-cpu", "tantivy", "numpy")


@dataclass(frozen=True)
class Release:
    """A directory with its manifest; while `hold` lives, `prune` leaves it where it is."""

    directory: Path
    manifest: dict[str, Any]
    hold: Hold | None = field(default=None, repr=False, compare=False)

    @property
    def release_id(self) -> str:
        """When it was made, and the first digits of what it holds."""
        return str(self.manifest["release_id"])

    @property
    def report(self) -> Path:
        """The page about it."""
        return self.directory / REPORT


def write_release(
    releases: Path, fill: Callable[[Path], None], manifest: dict[str, Any]
) -> Release:
    """Let `fill` write the files, then give the directory its name and its manifest, at once.

    Args:
        releases: the directory that holds all releases of one application.
        manifest: what to record beside files, libraries and date.
    """
    with scratch(releases, ".writing-") as folder:
        temporary = folder / "release"
        temporary.mkdir()
        fill(temporary)
        files = directory_hashes(temporary)
        share_bases(temporary, files, bases_of(releases))
        content = hashlib.sha256(json.dumps(files).encode()).hexdigest()
        full = {
            "format": FORMAT,
            "content": content,
            "libraries": versions(),
            **manifest,
            "files": files,
        }
        return _put(temporary, releases, full, datetime.now(UTC))


def _put(written: Path, releases: Path, manifest: dict[str, Any], created: datetime) -> Release:
    """Give what was written its manifest and, at once, a name that no other release has."""
    release_id = f"{created:%Y-%m-%dT%H%M%S}-{manifest['content'][:6]}"
    dated = {"release_id": release_id, "created": created.isoformat(timespec="seconds")}
    full = dated | manifest
    write_json(written / MANIFEST, full)
    final = releases / release_id
    try:
        written.rename(final)
    except OSError:
        if not final.exists():
            raise
        # The same files were released within this second, maybe of another parent or settings.
        return _put(written, releases, manifest, created + timedelta(seconds=1))
    return Release(final, full)


def open_release(directory: Path, *, verify: bool = True) -> Release:
    """Read a release's manifest and check its files against it.

    Raises:
        UserError: not a release, a file is missing, changed or was added.
    """
    if not (directory / MANIFEST).is_file():
        raise UserError("not a release: it has no manifest.json", where=str(directory))
    manifest = read_json(directory / MANIFEST)
    known = isinstance(manifest, dict) and manifest.get("format") == FORMAT
    if not known or not {"release_id", "files"} <= manifest.keys():
        raise UserError("a manifest of another format", where=str(directory / MANIFEST))
    if verify:
        _verify(directory, manifest["files"])
    return Release(directory, manifest)


def _verify(directory: Path, expected: dict[str, str]) -> None:
    found = directory_hashes(directory)
    found.pop(MANIFEST, None)
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) == found.get(name):
            continue
        trouble = "was changed"
        if name not in found:
            trouble = "is missing"
        elif name not in expected:
            trouble = "does not belong to it"
        raise UserError(
            f"this release cannot be opened: {name} {trouble}",
            where=str(directory),
            hint="Promote another one: releases list, then releases promote ID.",
        )


def of_another_version(directory: Path) -> UserError:
    """What to raise where a release decides by signals that this version does not compute."""
    return UserError(
        "this release decides by signals of another version of bizlm",
        where=str(directory),
        hint="Train again, on the same files, and `releases promote` what was trained: the two "
        "cannot be compared.",
    )


def versions() -> dict[str, str]:
    """Of the libraries that a release depends on, as far as they are installed."""
    found = {}
    for library in (*LIBRARIES, "bizlm"):
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found
