"""A release served in 8 bits, where it then says what it says otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from apps.finance_monitor.release import HEADS, load_eight_bit, load_release
from apps.finance_monitor.stories.classifying import Classifier
from common.files import read_json
from common.models.devices import ServingPrecision, keep_numpy_to_one_thread, use_threads
from common.releases.eight_bit import LEAST_SAME, eight_bit_of, some_of
from common.releases.registry import Registry
from common.releases.release import Release

APPLICATION = "finance_monitor"
# What a release learned from and was measured on, see `learning/lessons.py`.
LESSONS = "lessons.json"


def load_to_serve(
    registry: Registry,
    release: Release,
    *,
    device: str,
    precision: ServingPrecision,
    threads: int | None = None,
) -> Classifier:
    """Read a verified release: in 8 bits, if asked for and it agrees, else in full precision.

    Args:
        threads: to compute on; None: as the library sees fit.

    Raises:
        UserError: the packages that 8 bits take are not installed.
    """
    keep_numpy_to_one_thread()
    if precision == "int8":
        directory = eight_bit_of(registry, release, make, release.manifest["files"][HEADS])
        if directory is not None:
            return load_eight_bit(release, directory, threads=threads)
    if threads is not None:
        use_threads(threads)
    return load_release(release, device=device)


def make(store: Path, release_id: str, directory: Path) -> None:
    """Export a release, compared with what it was trained to on the texts it is measured on.

    Raises:
        RefusedError: it says otherwise, or it holds no texts to tell by.
    """
    from apps.finance_monitor.export import export
    from common.errors import RefusedError

    release = Registry(store, APPLICATION).open(release_id)
    classifier = load_release(release, device="cpu")
    texts = some_of(_held_out(release))
    if not texts:
        raise RefusedError("the release holds no texts to compare 8 bits on")
    export(classifier, texts, directory, LEAST_SAME)


def _held_out(release: Release) -> list[str]:
    """The texts that a release was measured on; none where it holds none."""
    path = release.directory / LESSONS
    if not path.exists():
        return []
    lessons: dict[str, Any] = read_json(path)
    return [text for text, *_ in lessons["test"] or lessons["validation"]]
