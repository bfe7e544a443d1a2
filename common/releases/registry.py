"""Which releases there are, and which one serves."""

from __future__ import annotations

import difflib
import json
import os
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

from common.errors import UserError
from common.files import append_whole, exclusive_lock, write_atomically
from common.releases.hold import Hold
from common.releases.release import MANIFEST, Release, open_release


class Registry:
    """The releases of one application below a store directory.

    `current` is a symbolic link, switched by a rename, so that a reader sees the old release or
    the new one. `promoted` keeps the order of promotions, for rolling back.
    """

    def __init__(self, store: Path, application: str) -> None:
        self.root = store / application
        self.releases = self.root / "releases"
        self._link = self.root / "current"
        self._history = self.root / "promoted"
        self._withdrawn = self.root / "withdrawn.jsonl"

    def all(self) -> list[Release]:
        """All releases, oldest first, their files not verified."""
        found = []
        for path in sorted(self.releases.glob(f"[!.]*/{MANIFEST}")):
            try:
                found.append(open_release(path.parent, verify=False))
            except UserError:
                # Pruned since it was seen.
                if path.exists():
                    raise
        return found

    def current_id(self) -> str | None:
        """The id of the release that serves, if there is one."""
        try:
            return self._link.readlink().name
        except OSError:
            return None

    def open(self, release_id: str | None = None) -> Release:
        """Open a release, by default the one that serves, and verify its files.

        As long as what is returned lives, `prune` lets the release be.

        Raises:
            UserError: there is none, or its files were changed.
        """
        wanted = release_id or self.current_id()
        if wanted is None:
            raise UserError(
                "there is no release yet", where=str(self.root), hint="Train one: the verb `train`."
            )
        directory = self._directory(wanted)
        hold = Hold(directory)
        return replace(open_release(directory), hold=hold)

    def promote(self, release_id: str) -> Release:
        """Verify a release and let it serve.

        Raises:
            UserError: no such release, or its files were changed.
        """
        release = self.open(release_id)
        with self._alone():
            self._promote(release_id)
        return release

    def promote_over(self, serving_id: str | None, release_id: str) -> bool:
        """As `promote`, unless another release than the one it was judged against serves by now.

        Args:
            serving_id: None: it was judged against none, for none served.

        Returns:
            Whether it serves.
        """
        self.open(release_id)
        with self._alone():
            if self.current_id() != serving_id:
                return False
            self._promote(release_id)
        return True

    def _promote(self, release_id: str) -> None:
        if self.current_id() != release_id:
            history = [*self._promotions(), release_id]
            write_atomically(self._history, "\n".join(history) + "\n")
        self._point_at(release_id)

    def rollback(self) -> Release:
        """Let the release serve that served before.

        Raises:
            UserError: none did, or its files were changed.
        """
        with self._alone():
            return self._roll_back()

    def _roll_back(self) -> Release:
        history = self._promotions()
        if len(history) < 2:
            raise UserError("no earlier release to roll back to", where=str(self.root))
        release = self.open(history[-2])
        self._point_at(history[-2])
        write_atomically(self._history, "\n".join(history[:-1]) + "\n")
        return release

    def withdraw(self, release_id: str, why: str) -> Release | None:
        """Roll back from a release that does badly, and remember why.

        Returns:
            What serves now; None where another release serves already.

        Raises:
            UserError: as `rollback`.
        """
        with self._alone():
            if self.current_id() != release_id:
                return None
            release = self._roll_back()
        row = {
            "release_id": release_id,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "why": why,
        }
        line = json.dumps(row, ensure_ascii=False) + "\n"
        append_whole(self._withdrawn, line.encode())
        return release

    def withdrawn(self) -> dict[str, str]:
        """Why releases were withdrawn, by their ids."""
        if not self._withdrawn.is_file():
            return {}
        found = {}
        for line in self._withdrawn.read_bytes().splitlines():
            # Of a line that was cut off, by a full disk or a power failure, nothing is known.
            with suppress(ValueError):
                row = json.loads(line)
                found[row["release_id"]] = row["why"]
        return found

    def promoted_at(self) -> float | None:
        """When the release that serves began to, seconds since 1970."""
        try:
            return self._link.lstat().st_mtime
        except OSError:
            return None

    def previous_id(self) -> str | None:
        """The id of the release that `rollback` would let serve."""
        history = self._promotions()
        return history[-2] if len(history) > 1 else None

    def _promotions(self) -> list[str]:
        """Releases in the order of their promotions, but for those that were pruned."""
        if not self._history.is_file():
            return []
        history = self._history.read_text(encoding="utf-8").split()
        left = [name for name in history if (self.releases / name).is_dir()]
        return [name for name, _ in groupby(left)]

    def _alone(self) -> AbstractContextManager[None]:
        # To verify a release takes seconds: what is promoted meanwhile must not be lost.
        return exclusive_lock(self.root / ".promoting.lock", waits=True)

    def _directory(self, release_id: str) -> Path:
        directory = self.releases / release_id
        if release_id and directory.parent == self.releases and directory.is_dir():
            return directory
        known = [release.release_id for release in self.all()]
        near = difflib.get_close_matches(release_id, known, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(known) or 'none'}"
        raise UserError(f"no release {release_id!r}", where=str(self.releases), hint=hint)

    def _point_at(self, release_id: str) -> None:
        temporary = self.root / f".current-{os.getpid()}"
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(Path("releases") / release_id)
        temporary.replace(self._link)
