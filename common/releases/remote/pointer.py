"""What says, at a place, which release serves: one small file, replaced whole."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from common.errors import UserError
from common.releases.remote.place import Place

CURRENT = "current"
# As `write_release` names them: nothing else becomes a directory.
RELEASE_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,99}", re.ASCII)
# How far one can roll back there.
KEPT = 20
# Always so many bytes: clients of object stores ask for the size first and then for so much, and
# a reader between two of different sizes would see half of the new one.
BYTES = 4096


class Pointer(BaseModel):
    """Which release serves everywhere, since when, and which ones served before it, oldest first.

    Attributes:
        manifest: SHA-256 of the release's manifest, which vouches for all other files.
    """

    model_config = ConfigDict(frozen=True)

    release_id: str = Field(pattern=f"^{RELEASE_ID.pattern}$")
    manifest: str = Field(pattern="^[0-9a-f]{64}$")
    at: str
    before: tuple[str, ...] = ()

    def followed_by(self, release_id: str, manifest: str) -> Pointer:
        """The next one; whoever points at the release that served before rolls back."""
        before = (*self.before, self.release_id)
        if release_id in self.before[-1:]:
            before = self.before[:-1]
        elif release_id == self.release_id:
            before = self.before
        return new_pointer(release_id, manifest, before[-KEPT:])


def new_pointer(release_id: str, manifest: str, before: tuple[str, ...] = ()) -> Pointer:
    """One of this moment."""
    at = datetime.now(UTC).isoformat()
    return Pointer(release_id=release_id, manifest=manifest, at=at, before=before)


def read_pointer(place: Place, application: str) -> Pointer | None:
    """What serves; None: nothing was published yet.

    It is read whole each time: that costs as much as asking whether it has changed.

    Raises:
        UserError: it is damaged, or the place does not answer.
    """
    found = place.read(f"{application}/{CURRENT}")
    if found is None:
        return None
    try:
        return Pointer.model_validate_json(found)
    except ValidationError:
        raise UserError(
            "what says which release serves is damaged",
            where=f"{place.url}/{application}/{CURRENT}",
            hint="Publish again: releases push ID --to URL.",
        ) from None


def write_pointer(place: Place, application: str, pointer: Pointer) -> None:
    """Let a release serve everywhere; its files must be there."""
    data = json.dumps(pointer.model_dump(mode="json"), indent=2)
    place.write(f"{application}/{CURRENT}", data.ljust(BYTES - 1).encode() + b"\n")
