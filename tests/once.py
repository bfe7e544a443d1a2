"""What takes long to make is made once for all processes of a run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from filelock import FileLock


@contextmanager
def made_once(
    places: pytest.TempPathFactory, name: str, make: Callable[[Path], None]
) -> Iterator[Path]:
    """An own copy of a directory, which whoever asks for it first has filled."""
    run = places.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        run = run.parent
    made, half = run / f"made-{name}", run / f"half-{name}"
    with FileLock(f"{made}.lock"):
        if not made.exists():
            shutil.rmtree(half, ignore_errors=True)
            half.mkdir()
            make(half)
            half.rename(made)
    copy = shutil.copytree(made, places.mktemp(name) / name, symlinks=True)
    yield copy
    shutil.rmtree(copy)
