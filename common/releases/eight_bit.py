"""The 8-bit model beside a release: made once, when it is first served so, if it agrees."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from common.console import say
from common.errors import RefusedError, UserError
from common.files import keep_newest, read_json, write_json
from common.models.int8.reader import ABOUT, require_runtime
from common.records.fields import content_hash
from common.releases.agreement import Agreement
from common.releases.registry import Registry
from common.releases.release import Release

DIRECTORY = "int8"
REFUSAL = "refused.json"
# Of other weights: a release that served before may serve again.
KEPT = 3

# What is served must agree more closely than what somebody exports and may measure.
LEAST_SAME = 0.98

# Of the texts, from everywhere among them: enough to tell 98 % by, and soon read.
MOST_COMPARED = 300

# Store, release and where to write; raises RefusedError where it does not agree.
Make = Callable[[Path, str, Path], object]


def eight_bit_of(registry: Registry, release: Release, make: Make, *parts: object) -> Path | None:
    """The export of a release's model, which is made now if there is none; says what it did.

    Args:
        make: a function of a module, for it runs in a process of its own: exporting takes torch,
            and a server that never needed it need not keep it in memory.
        parts: what the export depends on, beside the files of the release's `model/`.

    Returns:
        Its directory, as `write_export` writes it; None: in 8 bits it would answer otherwise.

    Raises:
        UserError: the packages that it takes are not installed, or it could not be made.
    """
    require_runtime()
    root = registry.root / DIRECTORY
    directory = root / key_of(release, *parts)
    with _alone(root):
        if not (directory / ABOUT).exists() and not (directory / REFUSAL).exists():
            say("Making the 8-bit model, once …")
            _make_in_process(make, registry, release, directory)
            keep_newest(root, KEPT)
    if (directory / REFUSAL).exists():
        say(f"Serving in full precision: {read_json(directory / REFUSAL)['reason']}")
        return None
    os.utime(directory)
    about = read_json(directory / ABOUT)
    found = Agreement(**about["agreement"])
    say(
        f"Serving with {found.what}: the same for {found.same:.1%} of {found.texts} held-out "
        f"texts, mean cosine {found.cosine:.3f}."
    )
    return directory


def some_of(texts: Sequence[str]) -> list[str]:
    """At most so many as are compared."""
    every = -(-len(texts) // MOST_COMPARED)
    return list(texts[:: max(1, every)])


def key_of(release: Release, *parts: object) -> str:
    """The same for two releases whose models are the same."""
    files: dict[str, Any] = release.manifest["files"]
    weights = sorted((name, value) for name, value in files.items() if name.startswith("model/"))
    return content_hash(*weights, *parts)


def _make_in_process(make: Make, registry: Registry, release: Release, directory: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    arguments = (make, registry.root.parent, release.release_id, directory)
    try:
        with ProcessPoolExecutor(1, mp_context=spawn) as pool:
            reason = pool.submit(_attempt, *arguments).result()
    except BrokenProcessPool:
        raise UserError(
            "the process that makes the 8-bit model ended early",
            hint="It needs some 3 GB of memory for a minute. Or: --precision fp32",
        ) from None
    if reason is not None:
        directory.mkdir(parents=True)
        write_json(directory / REFUSAL, {"reason": reason})


def _attempt(make: Make, store: Path, release_id: str, directory: Path) -> str | None:
    """Why it was refused, if it was."""
    # Whole or not at all, even if this process is killed.
    begun = directory.with_name(f".{directory.name}")
    shutil.rmtree(begun, ignore_errors=True)
    try:
        make(store, release_id, begun)
    except RefusedError as refused:
        return str(refused).partition("\n")[0]
    begun.rename(directory)
    return None


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Wait until no other process makes one here."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
