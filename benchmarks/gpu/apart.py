"""How a process of its own is begun."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterable
from multiprocessing.context import BaseContext
from pathlib import Path

# What the driver opens for a process that has touched a card.
TOUCHED = "nvidia-uvm"


def context(opened: Iterable[str] | None = None) -> BaseContext:
    """Forked, for what takes ten seconds to import is then imported once.

    A process that has touched a card cannot be copied: then a new one is begun.

    Args:
        opened: files that this process has open; None: as the system says.
    """
    opened = _opened() if opened is None else opened
    is_touched = any(TOUCHED in name for name in opened)
    return multiprocessing.get_context("spawn" if is_touched else "fork")


def _opened() -> list[str]:
    found = []
    for link in Path("/proc/self/fd").iterdir():
        try:
            found.append(os.readlink(link))  # noqa: PTH115
        except OSError:
            # The one that the folder itself was read by.
            continue
    return found
