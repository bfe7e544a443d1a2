"""What is being read does not go: a lock on the directory of a release."""

from __future__ import annotations

import fcntl
import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from common.errors import UserError


class Hold:
    """Keeps `prune` from a directory for as long as this object lives, or its process.

    Raises:
        UserError: there is no such directory.
    """

    def __init__(self, directory: Path) -> None:
        try:
            descriptor = os.open(directory, os.O_RDONLY)
        except FileNotFoundError:
            raise UserError("this release is gone", where=str(directory)) from None
        weakref.finalize(self, os.close, descriptor)
        # Where the file system has no locks, nothing is ever pruned.
        with suppress(OSError):
            # Waits no longer than another process takes to rename the directory.
            fcntl.flock(descriptor, fcntl.LOCK_SH)


@contextmanager
def nobody_reads(directory: Path) -> Iterator[bool]:
    """Whether nobody holds `directory`; if so, nobody begins to within the `with` block.

    False as well where it cannot be told.
    """
    try:
        descriptor = os.open(directory, os.O_RDONLY)
    except FileNotFoundError:
        yield False
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        yield False
    else:
        yield True
    finally:
        os.close(descriptor)
